#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/version.h"
#include "platform/config/effective.h"
#include "platform/manager/manager.h"
#include "platform/manager/options.h"
#include "platform/manager/tls_check.h"
#include "platform/os/clock.h"
#include "platform/os/event_loop.h"
#include "platform/os/files.h"
#include "platform/os/log.h"
#include "platform/os/signals.h"

namespace {

using sallyport::manager::Options;

int fail(const std::string& why, int status) {
    std::fprintf(stderr, "sallyport-manager: %s\n", why.c_str());
    return status;
}

int run(const Options& options, const sallyport::config::Effective& configuration) {
    sallyport::log::start("sallyport-manager");
    sallyport::os::block_signals({SIGTERM, SIGINT, SIGHUP});
    sallyport::os::EventLoop loop;
    auto manager = sallyport::manager::Manager::make(loop, options, configuration);
    if (!manager) return fail(manager.error(), 1);
    const auto signals =
        sallyport::os::Signals::make(loop, {SIGTERM, SIGINT, SIGHUP}, [&manager](int) { (*manager)->stop(); });
    if (!signals) return fail(signals.error(), 1);
    (*manager)->start();
    loop.run();
    return 0;
}

// Whether TLS would have its certificates; what is only to be known does not fail the check.
bool check_files(const Options& options, const sallyport::config::Effective& configuration) {
    auto found = sallyport::manager::check_tls_files(configuration.tls_files, sallyport::os::wall_now());
    for (auto& warning : found.warnings) warning.text += " (a warning)";
    std::fputs(sallyport::config::text_of(found.warnings).c_str(), stderr);
    std::fputs(sallyport::config::text_of(found.problems).c_str(), stderr);
    if (found.problems.empty()) return true;
    fail(options.config + ": " + std::to_string(found.problems.size()) +
             " problem(s) with files, listed above; --no-files leaves them alone",
         1);
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    const auto options = sallyport::manager::parse_options(arguments);
    if (!options) return fail(options.error(), 2);
    if (options->action == Options::Action::kHelp) {
        std::fputs(std::string(sallyport::manager::help_text()).c_str(), stdout);
        return 0;
    }
    if (options->action == Options::Action::kVersion) {
        std::printf("sallyport-manager %s\n", sallyport::kVersionText);
        return 0;
    }
    const auto text = sallyport::os::read_file(options->config, sallyport::config::kMaxDocumentBytes);
    if (!text) return fail(text.error() + "; name the configuration with --config", 1);
    auto configuration = sallyport::config::make_effective(*text);
    if (!configuration) {
        std::fputs(sallyport::config::text_of(configuration.error()).c_str(), stderr);
        return fail(options->config + ": " + std::to_string(configuration.error().size()) +
                        " problem(s), listed above; nothing was changed",
                    1);
    }
    if (options->action == Options::Action::kCheck) {
        if (options->check_files && !check_files(*options, *configuration)) return 1;
        std::puts("configuration is valid");
        return 0;
    }
    return run(*options, *configuration);
}
