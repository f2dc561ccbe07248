#pragma once
// The command line of `sallyport`, as a value.

#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::cli {

struct Arguments {
    enum class Action { kShow, kReload, kHelp, kVersion };
    Action action = Action::kHelp;
    std::string what;  // of kShow: version, calls, call, trunks, ...; of kReload: certificates
    std::string id;    // of `show call`
    bool json = false;
    std::string runtime_dir;
};

// `environment_dir`: the value of SALLYPORT_RUNTIME_DIR, or "". Options may stand anywhere. The error is what to
// print on stderr: one line, with the word that was probably meant, and where to find help.
std::expected<Arguments, std::string> parse_arguments(std::span<const std::string_view> words,
                                                      std::string_view environment_dir);
std::string help_text();

// The word of `known` that is most like `word`, or "" when none is near.
std::string nearest_word(std::string_view word, std::span<const std::string_view> known);

}  // namespace sallyport::cli
