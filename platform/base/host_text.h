#pragma once
// Does a text of a peer name a machine? For texts that are passed on although they have no business with
// addresses: codec parameters, subjects, reason phrases. It errs towards yes.

#include <string_view>

namespace sallyport {

// True when `text` holds an IP address, a '@', a "://", or words joined by dots of which the last is alphabetic
// ("pbx.example"), at least `fewest_dots` of them. Names of feature tags ("+sip.instance") and numbers ("q=0.8") are
// none.
bool mentions_address(std::string_view text, int fewest_dots = 1);

}  // namespace sallyport
