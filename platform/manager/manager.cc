#include "platform/manager/manager.h"

#include <unistd.h>

#include <utility>

#include "platform/manager/tls_material.h"
#include "platform/os/files.h"
#include "platform/os/log.h"
#include "platform/rpc/manager_link.h"

namespace sallyport::manager {
namespace {

constexpr Duration kControlGrace = std::chrono::seconds(3);
constexpr Duration kDataplaneGrace = std::chrono::seconds(5);
// The control plane's user is not trusted: it must not keep the dataplane out.
constexpr rpc::Listener::Bounds kProcessConnections{.connections = 16, .per_user = 4};
constexpr rpc::Listener::Bounds kOperatorConnections{.connections = 64, .per_user = 64};
constexpr std::size_t kMaxStateBytes = 64 * 1024;

os::Result<os::User> choose_control_user(const Options& options) {
    if (!options.control_user.empty()) {
        auto user = os::find_user(options.control_user);
        if (!user) return std::unexpected("--control-user: " + user.error() + "; make it, or name another");
        if (user->uid == 0) return std::unexpected(std::string("--control-user: must not be root; name another"));
        return user;
    }
    if (auto user = os::find_user("sallyport")) return user;
    log::warning(
        "there is no user sallyport: the control plane runs as nobody, whom other services may be too; make the user "
        "(useradd --system sallyport), or name another with --control-user");
    return os::find_user("nobody");
}

std::string program_of(const Options& options, const char* name) { return options.program_dir + "/" + name; }

}  // namespace

os::Result<std::unique_ptr<Manager>> Manager::make(os::EventLoop& loop, const Options& given,
                                                   const config::Effective& configuration) {
    if (::geteuid() != 0) return std::unexpected(std::string("must run as root: it makes TAPs and changes users"));
    Options options = given;
    if (options.program_dir.empty()) {
        auto folder = os::own_program_folder();
        if (!folder) return std::unexpected(folder.error());
        options.program_dir = *folder;
    }
    for (const char* name : {"sallyport-dataplane", "sallyport-control"}) {
        if (::access(program_of(options, name).c_str(), X_OK) != 0) {
            return std::unexpected(os::system_error(program_of(options, name)) +
                                   "; say where it is with --program-dir");
        }
    }
    auto user = choose_control_user(options);
    if (!user) return std::unexpected(user.error());
    auto netlink = os::Netlink::open();
    if (!netlink) return std::unexpected(netlink.error());
    std::unique_ptr<Manager> out(new Manager(loop, options, configuration, std::move(*user), std::move(*netlink)));
    if (auto made = out->make_folders(); !made) return std::unexpected(made.error());
    out->read_saved_state();
    if (auto listening = out->listen(); !listening) return std::unexpected(listening.error());
    if (!out->saved_.processes.contains("dataplane")) {  // else it may hold them
        if (auto open = out->open_taps(); !open) {
            out->taps_.remove_all();
            if (out->saved_.processes.empty()) ::unlink(out->state_path().c_str());
            return std::unexpected(open.error());
        }
    }
    return out;
}

Manager::Manager(os::EventLoop& loop, const Options& options, const config::Effective& configuration,
                 os::User control_user, os::Netlink netlink)
    : loop_(loop),
      runtime_dir_(options.runtime_dir),
      state_dir_(options.state_dir),
      control_user_(std::move(control_user)),
      taps_(configuration.dataplane.interfaces, std::move(netlink)),
      dataplane_(loop, dataplane_spec(options), [this] { save_state(); }),
      control_(loop, control_spec(options, configuration.control.connections), [this] { save_state(); }),
      process_desk_({{"dataplane",
                      {.process = &dataplane_,
                       .user = 0,
                       .view = config::to_json(configuration.dataplane),
                       .descriptors = [this]() -> os::Result<std::vector<os::UniqueFd>> {
                           if (auto open = open_taps(); !open) return std::unexpected(open.error());
                           return taps_.hand_over();
                       }}},
                     {"control",
                      {.process = &control_,
                       .user = control_user_.uid,
                       .view = config::to_json(configuration.control),
                       .descriptors = {}}}},
                    {.ports_ready = [this](const json::Value& params) -> os::Result<void> {
                         const auto macs = read_ports(params, taps_.names());
                         if (!macs) return std::unexpected(macs.error());
                         return taps_.configure(*macs);
                     },
                     .tls_material = [files = configuration.tls_files](
                                         const json::Value& params) { return tls_material(files, params); }}),
      operator_desk_(loop, dataplane_, control_, [this] { return counters(); }) {}

ProcessSpec Manager::dataplane_spec(const Options& options) {
    return {.role = "dataplane",
            .label = "dataplane",
            .arguments = {program_of(options, "sallyport-dataplane"), "--runtime-dir", runtime_dir_, "--state-dir",
                          state_dir_, "--control-uid", std::to_string(control_user_.uid)},
            .user = std::nullopt,
            .descriptors = 0,
            .prepare = [this] { return open_taps(); }};
}

ProcessSpec Manager::control_spec(const Options& options, const config::ConnectionBounds& connections) {
    return {.role = "control",
            .label = "control plane",
            .arguments = {program_of(options, "sallyport-control"), "--runtime-dir", runtime_dir_, "--state-dir",
                          state_dir_},
            .user = control_user_,
            .descriptors = connections.descriptors(),
            .prepare = {}};
}

os::Result<void> Manager::make_folders() {
    if (auto made = os::make_folder(runtime_dir_, {}); !made) return made;
    auto lock = os::lock_file(runtime_dir_ + "/manager.lock");
    if (!lock) return std::unexpected(lock.error() + ": a manager runs here already; choose another --runtime-dir");
    lock_ = std::move(*lock);
    const os::FolderOptions for_control{.mode = 0750, .owner = control_user_.uid, .group = control_user_.gid};
    if (auto made = os::make_folder(runtime_dir_ + "/control", for_control); !made) return made;
    if (auto made = os::make_folder(state_dir_, {}); !made) return made;
    return os::make_folder(state_dir_ + "/records", for_control);
}

void Manager::read_saved_state() {
    const auto path = state_path();
    if (::access(path.c_str(), F_OK) != 0) return;  // there was no predecessor, or it has ended cleanly
    const auto text = os::read_file(path, kMaxStateBytes);
    auto state = text ? parse_state(*text) : std::unexpected(text.error());
    if (!state) {
        log::warning("{}: {}; processes of an earlier manager are found only if they report", path, state.error());
        return;
    }
    saved_ = std::move(*state);
    taps_.take_over(saved_.taps);
}

// The names are saved before the devices are made: a manager that is killed in between leaves none behind unknown.
os::Result<void> Manager::open_taps() {
    if (auto claimed = taps_.claim(); !claimed) return claimed;
    save_state();
    return taps_.open_all();
}

os::Result<void> Manager::listen() {
    auto processes = rpc::Listener::make(
        loop_, runtime_dir_ + "/" + rpc::kProcessSocketName, {.mode = 0660, .owner = 0, .group = control_user_.gid},
        kProcessConnections, {},
        {.on_call = [this](const auto& connection, const os::PeerCredentials& peer,
                           rpc::Call call) { process_desk_.take(connection, peer, std::move(call)); },
         .on_closed = [this](const rpc::Connection* connection) { process_desk_.closed(connection); },
         .may_stay = [this](const rpc::Connection* connection) { return process_desk_.has_role(connection); }});
    if (!processes) return std::unexpected(processes.error());
    auto operators = rpc::Listener::make(loop_, runtime_dir_ + "/" + rpc::kManagerSocketName, {.mode = 0600},
                                         kOperatorConnections, {},
                                         {.on_call = [this](const auto&, const os::PeerCredentials&,
                                                            rpc::Call call) { operator_desk_.take(std::move(call)); },
                                          .on_closed = {},
                                          .may_stay = {}});
    if (!operators) return std::unexpected(operators.error());
    process_listener_ = std::move(*processes);
    operator_listener_ = std::move(*operators);
    return {};
}

void Manager::start() {
    for (SupervisedProcess* process : {&dataplane_, &control_}) {
        const auto before = saved_.processes.find(process->spec().role);
        if (before == saved_.processes.end() || !process->expect(before->second)) process->start();
    }
    saved_ = {};
    save_state();
}

void Manager::save_state() {
    // Those of an earlier configuration too, until they are removed: the dataplane of that time may hold them.
    SavedState state{.taps = {taps_.ours().begin(), taps_.ours().end()}, .processes = saved_.processes};
    for (const SupervisedProcess* process : {&dataplane_, &control_}) {
        if (const auto running = process->running()) state.processes[process->spec().role] = *running;
    }
    if (const auto saved = os::replace_file(state_path(), write_state(state), 0600); !saved) {
        log::error("{}; a new manager would not find the processes by it", saved.error());
    }
}

void Manager::stop() {
    if (std::exchange(stopping_, true)) return;
    log::info("ending: control plane, then dataplane");
    control_.stop(kControlGrace, [this] {
        dataplane_.stop(kDataplaneGrace, [this] {
            remove_everything();
            loop_.stop();
        });
    });
}

void Manager::remove_everything() {
    operator_listener_.reset();
    process_listener_.reset();
    taps_.remove_all();
    ::unlink(state_path().c_str());
    log::info("ended; TAPs and sockets are removed");
}

json::Value Manager::counters() const {
    json::Value out(Json::arrayValue);
    out.append(counter("dataplane-restarts", dataplane_.restarts(), "times the dataplane was started again"));
    out.append(counter("control-restarts", control_.restarts(), "times the control plane was started again"));
    out.append(
        counter("hellos-refused", process_desk_.refused(), "processes that were not given the role they wanted"));
    out.append(counter("operator-calls", operator_desk_.calls(), "calls of the CLI"));
    out.append(counter("operator-connections-refused", operator_listener_ ? operator_listener_->refused() : 0,
                       "connections to manager.sock beyond its bound"));
    out.append(counter("process-connections-refused", process_listener_ ? process_listener_->refused() : 0,
                       "connections to process.sock beyond its bounds"));
    out.append(counter("process-connections-dropped", process_listener_ ? process_listener_->dropped() : 0,
                       "connections to process.sock that were given no role in time"));
    return out;
}

}  // namespace sallyport::manager
