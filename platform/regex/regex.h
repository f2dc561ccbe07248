#pragma once
// Regular expressions in bounded time and memory: RE2, which is linear in the text whatever the expression. One
// wrapper.
//
// Bytes, not characters: an octet that is no UTF-8 matches `.` like any other, so that nobody hides a text behind one.

#include <array>
#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace sallyport {

class Regex {
public:
    static constexpr std::size_t kMaxPattern = 512;
    static constexpr std::size_t kMaxGroups = 9;
    // What matched as a whole, and its groups; one that took no part is empty. Views into the text.
    using Groups = std::array<std::string_view, kMaxGroups + 1>;

    // The error is the end of a sentence: what is wrong with it. No control characters, whatever the pattern holds.
    static std::expected<Regex, std::string> compile(std::string_view pattern);
    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;
    ~Regex();

    // Anywhere in `text`, unless the expression says otherwise.
    bool search(std::string_view text, Groups* groups = nullptr) const;
    bool matches_all(std::string_view text, Groups* groups = nullptr) const;
    std::size_t groups() const { return groups_; }

private:
    explicit Regex(std::unique_ptr<re2::RE2> compiled, std::size_t groups);
    bool run(std::string_view text, bool whole, Groups* groups) const;

    std::unique_ptr<re2::RE2> compiled_;
    std::size_t groups_ = 0;
};

// A text with \0 to \9 for groups and \\ for a backslash.
class GroupTemplate {
public:
    static std::expected<GroupTemplate, std::string> parse(std::string_view text);

    std::size_t highest() const { return highest_; }  // the highest group that it names; 0 for \0 and for none
    bool has_groups() const { return has_groups_; }
    void append_to(std::string& out, const Regex::Groups& groups) const;

private:
    struct Piece {
        std::string text;
        int group = -1;  // stands behind the text
    };
    std::vector<Piece> pieces_;
    std::size_t highest_ = 0;
    bool has_groups_ = false;
};

}  // namespace sallyport
