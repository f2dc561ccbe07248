#include "platform/regex/regex.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <re2/re2.h>

namespace sallyport {

namespace {

// Of one expression: its program, and what it keeps of states. Beyond that RE2 goes on without keeping them: slower,
// and still linear. An expression whose program alone is larger is refused.
constexpr std::int64_t kMaxMemory = 256 * 1024;

// RE2 quotes the expression.
std::string without_controls(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return text;
}

}  // namespace

std::expected<Regex, std::string> Regex::compile(std::string_view pattern) {
    if (pattern.size() > kMaxPattern)
        return std::unexpected("is longer than " + std::to_string(kMaxPattern) + " characters");
    re2::RE2::Options options;
    options.set_encoding(re2::RE2::Options::EncodingLatin1);
    options.set_dot_nl(true);
    options.set_log_errors(false);
    options.set_max_mem(kMaxMemory);
    auto compiled = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    if (!compiled->ok()) return std::unexpected("is no regular expression: " + without_controls(compiled->error()));
    const auto groups = static_cast<std::size_t>(compiled->NumberOfCapturingGroups());
    if (groups > kMaxGroups)
        return std::unexpected("has " + std::to_string(groups) + " groups, at most " + std::to_string(kMaxGroups) +
                               " are possible; write (?:...) for those that are not needed");
    return Regex(std::move(compiled), groups);
}

Regex::Regex(std::unique_ptr<re2::RE2> compiled, std::size_t groups)
    : compiled_(std::move(compiled)), groups_(groups) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

bool Regex::run(std::string_view text, bool whole, Groups* groups) const {
    std::array<re2::StringPiece, kMaxGroups + 1> found;
    const auto wanted = groups == nullptr ? 0 : static_cast<int>(groups_ + 1);
    const auto anchor = whole ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED;
    const re2::StringPiece piece(text.data(), text.size());
    if (!compiled_->Match(piece, 0, text.size(), anchor, found.data(), wanted)) return false;
    if (groups == nullptr) return true;
    groups->fill({});
    for (std::size_t i = 0; i <= groups_; ++i) {
        const auto& f = found.at(i);
        (*groups)[i] = f.data() == nullptr ? std::string_view() : std::string_view(f.data(), f.size());
    }
    return true;
}

bool Regex::search(std::string_view text, Groups* groups) const { return run(text, false, groups); }
bool Regex::matches_all(std::string_view text, Groups* groups) const { return run(text, true, groups); }

std::expected<GroupTemplate, std::string> GroupTemplate::parse(std::string_view text) {
    GroupTemplate out;
    Piece piece;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            piece.text += text[i];
            continue;
        }
        const char c = ++i < text.size() ? text[i] : '\0';
        if (c == '\\') {
            piece.text += c;
        } else if (c >= '0' && c <= '9') {
            piece.group = c - '0';
            out.highest_ = std::max(out.highest_, static_cast<std::size_t>(piece.group));
            out.has_groups_ = true;
            out.pieces_.push_back(std::exchange(piece, {}));
        } else {
            return std::unexpected("has a backslash before what is no group; write \\0 to \\9, or \\\\ for itself");
        }
    }
    if (!piece.text.empty()) out.pieces_.push_back(std::move(piece));
    return out;
}

void GroupTemplate::append_to(std::string& out, const Regex::Groups& groups) const {
    for (const auto& piece : pieces_) {
        out += piece.text;
        if (piece.group >= 0) out += groups.at(static_cast<std::size_t>(piece.group));
    }
}

}  // namespace sallyport
