// sallyport-dataplane: started by the manager. Wires the parts and does nothing else.

#include <getopt.h>
#include <linux/capability.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "dataplane/worker/instance.h"
#include "platform/base/version.h"
#include "platform/os/log.h"
#include "platform/os/signals.h"
#include "platform/rpc/manager_link.h"

namespace sallyport {
namespace {

constexpr os::KeptCapability kPrivileges[] = {
    {CAP_NET_ADMIN,
     "asks the kernel to resolve and confirm next hops (NTF_USE); takes the AF_XDP program off its ports"},
};
// Root without capabilities: a user all the same.
constexpr std::string_view kUserReason =
    "the manager knows it by this user when it connects anew (process.sock), and its files under /run/dpdk are root's";
constexpr Duration kManagerTimeout = std::chrono::seconds(10);
constexpr Duration kReportAgain = std::chrono::seconds(5);

struct Arguments {
    std::string runtime_dir = "/run/sallyport";
    uid_t control_uid = 0;
};

void usage(std::FILE* to) {
    std::fputs(
        "usage: sallyport-dataplane [--runtime-dir DIR] [--state-dir DIR] [--control-uid UID]\n"
        "Forwards media between DPDK ports. Started by sallyport-manager, which gives it its configuration.\n",
        to);
}

Arguments parse_arguments(int argc, char** argv) {
    static const option kOptions[] = {{"runtime-dir", required_argument, nullptr, 'r'},
                                      {"state-dir", required_argument, nullptr, 's'},
                                      {"control-uid", required_argument, nullptr, 'u'},
                                      {"version", no_argument, nullptr, 'V'},
                                      {"help", no_argument, nullptr, 'h'},
                                      {nullptr, 0, nullptr, 0}};
    Arguments out;
    for (int c = 0; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
        switch (c) {
            case 'r': out.runtime_dir = optarg; break;
            case 's': break;  // nothing of the dataplane outlives it
            case 'u': out.control_uid = static_cast<uid_t>(std::strtoul(optarg, nullptr, 10)); break;
            case 'V': std::puts(kVersionText); std::exit(0);
            case 'h': usage(stdout); std::exit(0);
            default: usage(stderr); std::exit(2);
        }
    }
    return out;
}

class Dataplane {
public:
    Dataplane(os::EventLoop& loop, Arguments arguments)
        : loop_(loop),
          arguments_(std::move(arguments)),
          link_(loop, {.runtime_dir = arguments_.runtime_dir, .role = "dataplane", .version = kVersionText},
                {.on_view = [this](const json::Value& view, auto fds) { start(view, std::move(fds)); },
                 .on_connected = [this] { report_ports(); },
                 .on_call = [this](rpc::Call call) { answer(std::move(call)); },
                 .on_refused = [this](const std::string& reason) { leave(reason); }}) {}

    int run() {
        link_.start();
        loop_.run();
        return status_;
    }

private:
    void fail(const std::string& why) {
        log::error("{}", why);
        status_ = 1;
        loop_.stop();
    }

    // The configuration or the version has changed: the manager starts another one of us.
    void leave(const std::string& reason) {
        log::warning("the manager does not want this process any more: {}", reason);
        loop_.stop();
    }

    void start(const json::Value& json, std::vector<os::UniqueFd> taps) {
        auto view = config::dataplane_view_from_json(json);
        if (!view) return fail("the manager's view cannot be read: " + view.error());
        auto instance = worker::Instance::start(loop_, std::move(*view), std::move(taps),
                                                {.runtime_dir = arguments_.runtime_dir,
                                                 .control_uid = arguments_.control_uid,
                                                 .privileges = kPrivileges,
                                                 .user_reason = kUserReason});
        if (!instance) return fail(instance.error());
        instance_ = std::move(*instance);
    }

    void report_ports() {
        if (!instance_) return;
        link_.call("ports-ready", instance_->ports_ready(), kManagerTimeout, [this](const rpc::Outcome& outcome) {
            if (outcome) return instance_->launched() ? void() : forward();
            const auto& error = outcome.error();
            // The TAPs are not what the ports need: a new start, with TAPs made anew, may mend it. Media that flows
            // already goes on meanwhile.
            if (!instance_->launched() && error.code != rpc::kTimeout && error.code != rpc::kDisconnected)
                return fail("the manager could not set up the TAPs: " + error.message);
            log::warning("ports-ready: {}", error.message);
            // When the manager has gone, the link reports again as soon as it is back.
            if (error.code != rpc::kDisconnected)
                loop_.timers().arm<&Dataplane::report_again>(report_timer_, loop_.now().instant + kReportAgain, this);
        });
    }
    void report_again(Instant /*now*/) { report_ports(); }

    // Every thread there will be exists and waits while the privileges go; then the first packet is touched.
    void forward() {
        if (auto launched = instance_->launch(); !launched) return fail(launched.error());
        if (auto dropped =
                os::drop_privileges({.user = std::nullopt, .keep = {std::begin(kPrivileges), std::end(kPrivileges)}});
            !dropped)
            return fail(dropped.error());
        instance_->forward();
    }

    void answer(rpc::Call call) {
        auto shown = instance_ ? instance_->slow_path().show(call.method()) : std::nullopt;
        if (shown) return call.reply(std::move(*shown));
        rpc::Error error;
        error.code = rpc::kMethodNotFound;
        error.message = "the dataplane does not answer '" + call.method() + "'";
        call.fail(std::move(error));
    }

    os::EventLoop& loop_;
    Arguments arguments_;
    std::unique_ptr<worker::Instance> instance_;
    rpc::ManagerLink link_;
    Timer report_timer_;
    int status_ = 0;
};

}  // namespace
}  // namespace sallyport

int main(int argc, char** argv) {
    using namespace sallyport;
    log::start("sallyport-dataplane");
    os::block_signals({SIGTERM, SIGINT});  // before any thread: the workers inherit it
    auto arguments = parse_arguments(argc, argv);
    os::EventLoop loop;
    auto signals = os::Signals::make(loop, {SIGTERM, SIGINT}, [&loop](int) { loop.stop(); });
    if (!signals) {
        log::error("{}", signals.error());
        return 1;
    }
    return Dataplane(loop, std::move(arguments)).run();
}
