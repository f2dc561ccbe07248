#pragma once
// What somebody could take for a header who reads SIP with more good will than sense: every control character that any
// program takes for the end of a line or of a text ends one here, names are read without white space, escapes, accents
// and cases, in bodies too, and URIs give their headers away. No relative of the production parser.

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::scenario {

// The names of all headers that can be read in `bytes`, in lower case.
std::vector<std::string> lenient_names(std::string_view bytes);
bool lenient_has(std::string_view bytes, std::string_view name);

}  // namespace sallyport::scenario
