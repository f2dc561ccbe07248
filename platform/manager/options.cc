#include "platform/manager/options.h"

#include <array>
#include <filesystem>

namespace sallyport::manager {
namespace {

struct ValueOption {
    std::string_view name;
    std::string Options::* into;
    bool path;
};
constexpr std::array kValueOptions = {
    ValueOption{"--config", &Options::config, true}, ValueOption{"--runtime-dir", &Options::runtime_dir, true},
    ValueOption{"--state-dir", &Options::state_dir, true}, ValueOption{"--program-dir", &Options::program_dir, true},
    ValueOption{"--control-user", &Options::control_user, false}};

struct ActionOption {
    std::string_view name;
    Options::Action action;
};
constexpr std::array kActionOptions = {
    ActionOption{"-n", Options::Action::kCheck}, ActionOption{"--version", Options::Action::kVersion},
    ActionOption{"--help", Options::Action::kHelp}, ActionOption{"-h", Options::Action::kHelp}};

// "--name value" and "--name=value". `at` moves to the last argument that was used.
std::expected<bool, std::string> take_value(std::span<const std::string_view> arguments, std::size_t& at,
                                            Options& options) {
    const auto argument = arguments[at];
    for (const auto& o : kValueOptions) {
        std::string_view value;
        if (argument == o.name) {
            if (at + 1 == arguments.size()) return std::unexpected(std::string(o.name) + ": a value is missing");
            value = arguments[++at];
        } else if (argument.starts_with(o.name) && argument.substr(o.name.size()).starts_with('=')) {
            value = argument.substr(o.name.size() + 1);
        } else {
            continue;
        }
        if (value.empty()) return std::unexpected(std::string(o.name) + ": the value is empty");
        // The children get these paths too, and none of us relies on a working directory.
        options.*o.into = o.path ? std::filesystem::absolute(value).lexically_normal().string() : std::string(value);
        return true;
    }
    return false;
}

}  // namespace

std::expected<Options, std::string> parse_options(std::span<const std::string_view> arguments) {
    Options out;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        bool known = false;
        for (const auto& o : kActionOptions) {
            if (arguments[i] != o.name) continue;
            out.action = o.action;
            known = true;
        }
        if (arguments[i] == "--no-files") {
            out.check_files = false;
            known = true;
        }
        if (known) continue;
        const auto taken = take_value(arguments, i, out);
        if (!taken) return std::unexpected(taken.error());
        if (!*taken) return std::unexpected(std::string(arguments[i]) + ": unknown argument; see --help");
    }
    for (auto* folder : {&out.runtime_dir, &out.state_dir}) {
        while (folder->size() > 1 && folder->ends_with('/')) folder->pop_back();
    }
    return out;
}

std::string_view help_text() {
    return "sallyport-manager [options]\n"
           "Checks the configuration, makes the TAPs, and runs the dataplane and the control plane.\n"
           "\n"
           "  --config FILE        the configuration       (/etc/sallyport/sallyport.json)\n"
           "  -n                   only check it: says what is wrong and exits 1, or exits 0\n"
           "  --no-files           with -n: leave the files of TLS profiles alone, which may be on another machine\n"
           "  --runtime-dir DIR    sockets, live calls     (/run/sallyport)\n"
           "  --state-dir DIR      call records            (/var/lib/sallyport)\n"
           "  --control-user NAME  who the control plane runs as (sallyport; nobody if there is no such user)\n"
           "  --program-dir DIR    where the other programs are (where this one is)\n"
           "  --version, --help\n"
           "\n"
           "SIGTERM ends all three processes. Two instances side by side differ in their runtime and state folders\n"
           "and in their network namespace. SALLYPORT_LOG=debug|info|warning|error chooses what is logged.\n";
}

}  // namespace sallyport::manager
