#pragma once
// The names of one side that a message tells: what must not appear on the other side.
//
// The peer chooses names and texts, so the search is linear in the text for each name (Knuth, Morris, Pratt), and
// the names are bounded in number and length.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/policy/passing.h"
#include "controlplane/sip/message.h"

namespace sallyport::policy {

class HiddenNames {
public:
    HiddenNames(const sip::Message& message, const Passage& passage);
    HiddenNames(const HiddenNames&) = delete;
    HiddenNames& operator=(const HiddenNames&) = delete;

    // A hidden name stands in `text` as a word (letters, digits and '-' around it make it another one), also
    // behind %XX escapes. Crossing the border of a trusted network: any address or host name at all.
    bool in(std::string_view text) const;
    // Display names: as in(), but one dot makes no host name of it ("Dr.Smith").
    bool in_display(std::string_view text) const;
    // Only the names that the message tells: for users, who may be called "john.doe".
    bool named_in(std::string_view text) const;
    bool any_host() const { return any_host_; }

private:
    struct Name {
        std::string text;                   // in lower case
        std::vector<std::uint8_t> borders;  // of each beginning of `text`: its longest proper beginning that is its end
    };

    static bool stands_in(std::string_view lower_text, const Name& name);
    void add(std::string_view name);
    void add_host(std::string_view uri);
    bool found(std::string_view text, int fewest_dots) const;
    bool plainly_in(std::string_view text, int fewest_dots) const;

    bool any_host_;
    bool too_many_ = false;  // or too long ones to be searched for: then every text holds one
    std::vector<Name> names_;
    std::vector<std::string> known_there_;  // names of the outgoing side: no secret
};

}  // namespace sallyport::policy
