#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/version.h"
#include "platform/rpc/client.h"
#include "platform/rpc/manager_link.h"
#include "tools/cli/arguments.h"
#include "tools/cli/render.h"

namespace {

using sallyport::cli::Arguments;

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

int fail(const std::string& why, ExitCode code) {
    std::fprintf(stderr, "sallyport: %s\n", why.c_str());
    return code;
}

// `show` or `reload`.
int ask(const Arguments& arguments, const char* method) {
    const auto path = arguments.runtime_dir + "/" + sallyport::rpc::kManagerSocketName;
    auto client = sallyport::rpc::Client::connect(path);
    if (!client) return fail(client.error().message, kFailed);
    sallyport::json::Value params(Json::objectValue);
    params["what"] = arguments.what;
    if (!arguments.id.empty()) params["id"] = arguments.id;
    const auto answer = client->call(method, params, std::chrono::seconds(10));
    if (!answer) return fail(sallyport::cli::render_error(arguments.what, answer.error()), kFailed);
    const auto text =
        arguments.json ? sallyport::json::write_pretty(*answer) : sallyport::cli::render(arguments.what, *answer);
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) return kFailed;
    return arguments.action == Arguments::Action::kReload && sallyport::cli::any_failed(*answer) ? kFailed : kOk;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> words(argv + 1, argv + argc);
    const char* folder = std::getenv("SALLYPORT_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe): one thread
    const auto arguments = sallyport::cli::parse_arguments(words, folder != nullptr ? folder : "");
    if (!arguments) return fail(arguments.error(), kUsage);
    switch (arguments->action) {
        case Arguments::Action::kHelp: std::fputs(sallyport::cli::help_text().c_str(), stdout); return kOk;
        case Arguments::Action::kVersion: std::printf("sallyport %s\n", sallyport::kVersionText); return kOk;
        case Arguments::Action::kShow: return ask(*arguments, "show");
        case Arguments::Action::kReload: return ask(*arguments, "reload");
    }
    return kUsage;
}
