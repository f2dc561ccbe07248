#pragma once
// The manager's command line.

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::manager {

struct Options {
    enum class Action { kRun, kCheck, kVersion, kHelp };
    Action action = Action::kRun;
    bool check_files = true;  // with -n: those of TLS profiles, too
    std::string config = "/etc/sallyport/sallyport.json";
    std::string runtime_dir = "/run/sallyport";
    std::string state_dir = "/var/lib/sallyport";
    std::string control_user;  // empty: `sallyport` if there is such a user, else `nobody`
    std::string program_dir;   // empty: the folder of this program
};

// The error is one line: what is wrong with the command line.
std::expected<Options, std::string> parse_options(std::span<const std::string_view> arguments);
std::string_view help_text();

}  // namespace sallyport::manager
