#pragma once
// The methods that a realm lets through beside INVITE and what belongs to it (ACK, BYE, CANCEL), which always pass:
// `methods` in docs/configuration.md.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::config {

// NOTIFY goes with SUBSCRIBE.
enum class PassedMethod : std::uint8_t { kInfo, kMessage, kOptions, kPublish, kSubscribe };
inline constexpr std::size_t kPassedMethods = 5;
inline constexpr std::array<std::string_view, kPassedMethods> kPassedMethodNames{"INFO", "MESSAGE", "OPTIONS",
                                                                                 "PUBLISH", "SUBSCRIBE"};

class MethodSet {
public:
    static constexpr std::size_t kSets = std::size_t{1} << kPassedMethods;

    static constexpr MethodSet all() { return MethodSet(kSets - 1); }
    constexpr MethodSet() = default;
    constexpr explicit MethodSet(std::size_t number) : bits_(static_cast<std::uint8_t>(number % kSets)) {}

    constexpr bool has(PassedMethod m) const { return (bits_ >> static_cast<unsigned>(m) & 1U) != 0; }
    constexpr void add(PassedMethod m) { bits_ = static_cast<std::uint8_t>(bits_ | 1U << static_cast<unsigned>(m)); }
    constexpr std::size_t number() const { return bits_; }  // below kSets
    friend constexpr MethodSet operator&(MethodSet a, MethodSet b) { return MethodSet(a.bits_ & b.bits_); }
    friend constexpr bool operator==(MethodSet, MethodSet) = default;

private:
    std::uint8_t bits_ = 0;
};

constexpr std::optional<PassedMethod> passed_method_named(std::string_view name) {
    for (std::size_t i = 0; i < kPassedMethods; ++i)
        if (kPassedMethodNames[i] == name) return static_cast<PassedMethod>(i);
    return std::nullopt;
}

}  // namespace sallyport::config
