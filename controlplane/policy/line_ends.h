#pragma once
// What somebody could take for the end of a line or of a text within a value or a name that goes on.

#include <string_view>

namespace sallyport::policy {

// Control characters (CR and LF are those of folds, HTAB is white space), the line ends of Unicode, and escapes of CR,
// LF and NUL. What is read as one there would begin a header that no rule has seen.
bool has_line_end(std::string_view value);

}  // namespace sallyport::policy
