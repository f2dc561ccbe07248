#pragma once
// Where a URI is divided, found in one pass over its bytes.

#include <string_view>

namespace sallyport::sip {

// nullptr: not there. What stands before a sip URI's '@' is userinfo, with ';' and '?' in it at will (RFC 4475
// §3.1.1.9, semiuri): those that count are those after it.
struct UriMarks {
    const char* scheme_end = nullptr;  // the first ':'
    const char* password = nullptr;    // ':' in userinfo
    const char* at = nullptr;          // the first '@'
    const char* semicolon = nullptr;
    const char* question = nullptr;
    bool forbidden = false;  // white space, a control, a delimiter, half an escape: may stand nowhere in a URI
};
UriMarks find_uri_marks(std::string_view text);

}  // namespace sallyport::sip
