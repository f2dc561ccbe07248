#include "platform/manager/process_desk.h"

#include <algorithm>
#include <optional>

#include "platform/base/version.h"
#include "platform/os/clock.h"
#include "platform/rpc/manager_link.h"

namespace sallyport::manager {
namespace {

constexpr Duration kReplaceGrace = std::chrono::seconds(5);

rpc::Error error_of(int code, std::string message) { return {.code = code, .message = std::move(message), .data = {}}; }

std::string text_of(const json::Value& value, std::size_t max) {
    if (!value.isString()) return {};
    auto text = value.asString();
    return text.size() <= max ? text : std::string{};
}

}  // namespace

os::Result<std::vector<os::MacAddress>> read_ports(const json::Value& params,
                                                   const std::vector<std::string>& interfaces) {
    const auto& ports = params["ports"];
    if (!ports.isArray() || ports.size() != interfaces.size()) {
        return std::unexpected("ports: must be a list of " + std::to_string(interfaces.size()) + " ports");
    }
    std::vector<std::optional<os::MacAddress>> found(interfaces.size());
    for (const auto& port : ports) {
        if (!port.isObject()) return std::unexpected(std::string("ports: each must be an object"));
        const auto name = text_of(port["interface"], 15);
        const auto at = std::ranges::find(interfaces, name);
        if (at == interfaces.end()) return std::unexpected(std::string("ports: an interface that is not configured"));
        auto& mac = found[static_cast<std::size_t>(at - interfaces.begin())];
        if (mac) return std::unexpected("ports: interface " + name + " stands twice");
        mac = os::MacAddress::parse(text_of(port["mac"], 17));
        if (!mac || mac->is_multicast() || mac->is_zero()) {
            return std::unexpected("ports: interface " + name +
                                   ": mac must be a unicast address like 02:00:00:00:00:01");
        }
    }
    std::vector<os::MacAddress> out;
    out.reserve(found.size());
    for (const auto& mac : found) out.push_back(*mac);  // each is set: as many names as interfaces, none twice
    return out;
}

void ProcessDesk::take(const std::shared_ptr<rpc::Connection>& connection, const os::PeerCredentials& peer,
                       rpc::Call call) {
    if (call.method() == "hello") {
        hello(connection, peer, std::move(call));
        return;
    }
    const auto it = connected_.find(connection.get());
    if (it == connected_.end()) {
        call.fail(error_of(rpc::kRefused, "say hello first"));
    } else if (call.method() == "ports-ready" && it->second == "dataplane") {
        if (const auto done = handlers_.ports_ready(call.params()); done) {
            call.reply(json::Value(Json::objectValue));
        } else {
            log::limited(log_limit_, os::monotonic_now(), log::Level::kError, "ports-ready: {}", done.error());
            call.fail(error_of(rpc::kInvalidParams, done.error()));
        }
    } else if (call.method() == "tls-material" && it->second == "control") {
        if (auto material = handlers_.tls_material(call.params()); material) {
            call.reply(std::move(*material));
        } else {
            log::limited(log_limit_, os::monotonic_now(), log::Level::kError, "tls-material: {}", material.error());
            call.fail(error_of(rpc::kInvalidParams, material.error()));
        }
    } else {
        call.fail(error_of(rpc::kMethodNotFound, "unknown method, or not for this role"));
    }
}

void ProcessDesk::refuse(rpc::Call& call, const std::string& why) {
    ++refused_;
    log::limited(log_limit_, os::monotonic_now(), log::Level::kWarning, "hello refused: {}", why);
    call.fail(error_of(rpc::kRefused, why));
}

void ProcessDesk::hello(const std::shared_ptr<rpc::Connection>& connection, const os::PeerCredentials& peer,
                        rpc::Call call) {
    const auto name = text_of(call.params()["role"], 16);
    const auto version = text_of(call.params()["version"], 32);
    const auto it = roles_.find(name);
    if (it == roles_.end()) return refuse(call, "there is no such role");
    if (connected_.contains(connection.get())) return refuse(call, "hello was said already");
    Role& role = it->second;
    auto& process = *role.process;
    const auto& label = process.spec().label;
    if (peer.uid != role.user) return refuse(call, "the " + label + " must run as another user");
    if (!process.accepts(peer.pid)) return refuse(call, "another " + label + " has this role");
    if (version != kVersionText) {
        if (process.adopted()) process.replace(kReplaceGrace);
        return refuse(call, "the " + label + " has version " + version + ", the manager " + kVersionText);
    }
    const auto kept = text_of(call.params()["view-digest"], 16);
    json::Value result(Json::objectValue);
    std::vector<os::UniqueFd> descriptors;
    if (!kept.empty()) {
        if (kept != rpc::view_digest(role.view)) {
            process.replace(kReplaceGrace);
            return refuse(call, "the configuration has changed: a new " + label + " takes over");
        }
        result["kept"] = true;
    } else {
        if (role.descriptors) {
            auto made = role.descriptors();
            if (!made) {
                log::limited(log_limit_, os::monotonic_now(), log::Level::kError, "{}: {}", label, made.error());
                return call.fail(error_of(rpc::kInternalError, made.error()));
            }
            descriptors = std::move(*made);
        }
        result["view"] = role.view;
    }
    connected_[connection.get()] = name;
    process.said_hello(connection, version);
    call.reply(std::move(result), std::move(descriptors));
}

void ProcessDesk::closed(const rpc::Connection* connection) {
    const auto it = connected_.find(connection);
    if (it == connected_.end()) return;
    auto& process = *roles_.at(it->second).process;
    connected_.erase(it);
    if (process.connection() == connection) process.lost_connection();
}

}  // namespace sallyport::manager
