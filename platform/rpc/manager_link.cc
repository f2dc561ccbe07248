#include "platform/rpc/manager_link.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "platform/base/siphash.h"
#include "platform/os/fd_passing.h"
#include "platform/os/log.h"
#include "platform/os/unix_socket.h"

namespace sallyport::rpc {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstPause = 50ms;
constexpr Duration kLongestPause = 1s;
constexpr Duration kHelloTimeout = 10s;

}  // namespace

std::string view_digest(const json::Value& view) {
    // Not a secret and nobody attacks it: it tells two configurations of the operator apart.
    return fmt::format("{:016x}", siphash13({}, json::write_line(view)));
}

ManagerLink::ManagerLink(os::EventLoop& loop, Options options, Handlers handlers)
    : loop_(loop), options_(std::move(options)), handlers_(std::move(handlers)), pause_(kFirstPause) {}

ManagerLink::~ManagerLink() {
    if (connection_) connection_->close();
}

void ManagerLink::start() { connect(loop_.refresh().instant); }

void ManagerLink::connect(Instant /*now*/) {
    auto fd = os::connect_unix(options_.runtime_dir + "/" + kProcessSocketName, os::UnixType::kStream);
    if (!fd) {
        if (pause_ == kFirstPause) log::warning("manager: {}; trying again", fd.error());
        retry();
        return;
    }
    connection_ =
        Connection::make(loop_, std::move(*fd),
                         {.on_call = [this](Call call) { handlers_.on_call(std::move(call)); },
                          .on_closed =
                              [this](const std::string& reason) {
                                  if (std::exchange(connected_, false)) {
                                      log::warning("connection to the manager ended ({}); going on without", reason);
                                  }
                                  retry();
                              }},
                         {.max_descriptors = os::kMaxPassedFds});
    hello();
}

void ManagerLink::retry() {
    connection_.reset();
    loop_.timers().arm<&ManagerLink::connect>(timer_, loop_.now().instant + pause_, this);
    pause_ = std::min(2 * pause_, kLongestPause);
}

void ManagerLink::hello() {
    json::Value params(Json::objectValue);
    params["role"] = options_.role;
    params["pid"] = static_cast<Json::Int64>(::getpid());
    params["version"] = options_.version;
    if (!view_digest_.empty()) params["view-digest"] = view_digest_;
    connection_->call("hello", std::move(params), kHelloTimeout,
                      [this](Outcome outcome) { take_hello(std::move(outcome)); });
}

void ManagerLink::take_hello(Outcome outcome) {
    if (!outcome) {
        const auto& error = outcome.error();
        if (error.code == kRefused) {
            handlers_.on_refused(error.message);
        } else if (error.code != kDisconnected) {  // with that, on_closed comes too
            log::warning("manager: hello: {}; trying again", error.message);
            connection_->close();
            retry();
        }
        return;
    }
    if (view_digest_.empty() && !(outcome->result.isObject() && outcome->result["view"].isObject())) {
        handlers_.on_refused("the manager's answer to hello has no view");
        return;
    }
    pause_ = kFirstPause;
    connected_ = true;
    if (view_digest_.empty()) {
        const auto& view = outcome->result["view"];
        view_digest_ = view_digest(view);
        handlers_.on_view(view, std::move(outcome->descriptors));
    } else {
        log::info("the manager is back");
    }
    if (connected_ && handlers_.on_connected) handlers_.on_connected();
}

void ManagerLink::call(std::string method, json::Value params, Duration timeout, Done done) {
    if (!connected_) {
        done(std::unexpected(Error{.code = kDisconnected, .message = "there is no manager", .data = {}}));
        return;
    }
    connection_->call(std::move(method), std::move(params), timeout, std::move(done));
}

}  // namespace sallyport::rpc
