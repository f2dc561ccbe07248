#pragma once
// What the manager says to its processes on process.sock: who may have which role, the view, the TAPs.
//
// Who calls is known by the kernel's word (SO_PEERCRED), not by what the caller writes. A role is given to the
// process that we started or took over, or, when there is none, to one that runs already under the right user:
// so a new manager finds the processes of one that was killed.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/json/json.h"
#include "platform/manager/supervised_process.h"
#include "platform/os/log.h"
#include "platform/os/mac_address.h"
#include "platform/os/unix_socket.h"
#include "platform/rpc/connection.h"

namespace sallyport::manager {

struct Role {
    SupervisedProcess* process = nullptr;
    uid_t user = 0;
    json::Value view;
    // What goes with the view; may be empty.
    std::function<os::Result<std::vector<os::UniqueFd>>()> descriptors;
};

// `ports-ready` as a list of MACs in the order of `interfaces`; each named exactly once, each a unicast address.
os::Result<std::vector<os::MacAddress>> read_ports(const json::Value& params,
                                                   const std::vector<std::string>& interfaces);

class ProcessDesk {
public:
    struct Handlers {
        // Applies it; the error goes to the caller.
        std::function<os::Result<void>(const json::Value& params)> ports_ready;
        // The texts of a TLS profile, for the control plane alone.
        std::function<os::Result<json::Value>(const json::Value& params)> tls_material;
    };
    ProcessDesk(std::map<std::string, Role> roles, Handlers handlers)
        : roles_(std::move(roles)), handlers_(std::move(handlers)) {}

    void take(const std::shared_ptr<rpc::Connection>& connection, const os::PeerCredentials& peer, rpc::Call call);
    void closed(const rpc::Connection* connection);
    bool has_role(const rpc::Connection* connection) const { return connected_.contains(connection); }
    std::uint64_t refused() const { return refused_; }

private:
    void hello(const std::shared_ptr<rpc::Connection>& connection, const os::PeerCredentials& peer, rpc::Call call);
    void refuse(rpc::Call& call, const std::string& why);

    std::map<std::string, Role> roles_;
    Handlers handlers_;
    std::map<const rpc::Connection*, std::string> connected_;  // role by connection, once it has said hello
    std::uint64_t refused_ = 0;
    log::LogLimit log_limit_{4};  // the control plane can cause each of these lines
};

}  // namespace sallyport::manager
