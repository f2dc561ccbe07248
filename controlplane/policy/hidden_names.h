#pragma once
// The names of one side that a message tells: what must not appear on the other side.
//
// The peer chooses names and texts, so the search is linear in the text for each name, the names are bounded in number
// and length, the lists that they are taken from in elements, and what one message may cost in all: what comes beyond
// that counts as holding a name. A message of a real call needs a tenth of it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/policy/passing.h"
#include "controlplane/sip/message.h"
#include "platform/base/scratch_text.h"

namespace sallyport::policy {

// They are gathered when first asked for: most messages have nothing in them that could hold one.
class HiddenNames {
public:
    // Both must outlive it.
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
        std::uint32_t at = 0;  // in Gathered::letters
        std::uint32_t length = 0;
    };
    static constexpr std::size_t kMostNames = 96;
    struct Gathered {
        Gathered() {}               // so that what follows is not zeroed
        bool too_many = false;      // or too long ones to be searched for: then every text holds one
        std::size_t elements = 0;   // of lists, looked at
        ScratchText<1024> letters;  // of all names, in lower case
        std::array<Name, kMostNames> places;
        std::size_t count = 0;
        std::string our_address;  // on the outgoing side
        std::string peer_address;
        std::span<const Name> names() const { return std::span(places).first(count); }
        std::string_view text(const Name& n) const { return letters.view().substr(n.at, n.length); }
    };

    const Gathered& gathered() const;
    void gather(Gathered& out) const;
    void gather(Gathered& out, const sip::Message& message) const;
    void add(Gathered& out, std::string_view name) const;
    void add_host(Gathered& out, std::string_view uri) const;
    bool affordable(std::string_view text) const;
    bool found(std::string_view text, int fewest_dots) const;
    bool plainly_in(std::string_view text, int fewest_dots) const;

    const sip::Message& message_;
    const Passage& passage_;
    bool any_host_;
    mutable std::optional<Gathered> gathered_;
    mutable std::size_t characters_ = 0;  // looked at in searches: each text counts once for each name
};

}  // namespace sallyport::policy
