#pragma once
// The manager: folders, sockets, TAPs and the two processes, from the options and a checked configuration.

#include <memory>
#include <string>

#include "platform/config/effective.h"
#include "platform/manager/operator_desk.h"
#include "platform/manager/options.h"
#include "platform/manager/process_desk.h"
#include "platform/manager/state_file.h"
#include "platform/manager/supervised_process.h"
#include "platform/manager/tap_set.h"
#include "platform/os/event_loop.h"
#include "platform/os/result.h"
#include "platform/rpc/listener.h"

namespace sallyport::manager {

class Manager {
public:
    // Everything up to the start of the two processes. The error is one line: what, where, what to do. What was
    // made before the error is removed, unless processes of a predecessor still need it.
    static os::Result<std::unique_ptr<Manager>> make(os::EventLoop& loop, const Options& options,
                                                     const config::Effective& configuration);
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;
    ~Manager() = default;

    void start();
    // Control plane first, then the dataplane, then what belongs to us; ends the loop.
    void stop();

private:
    Manager(os::EventLoop& loop, const Options& options, const config::Effective& configuration, os::User control_user,
            os::Netlink netlink);
    os::Result<void> make_folders();
    os::Result<void> listen();
    os::Result<void> open_taps();
    void read_saved_state();
    void save_state();
    void remove_everything();
    json::Value counters() const;
    ProcessSpec dataplane_spec(const Options& options);
    ProcessSpec control_spec(const Options& options, const config::ConnectionBounds& connections);

    std::string state_path() const { return runtime_dir_ + "/manager.json"; }

    os::EventLoop& loop_;
    std::string runtime_dir_;
    std::string state_dir_;
    os::User control_user_;
    os::UniqueFd lock_;
    TapSet taps_;
    SavedState saved_;  // of the predecessor, if it was killed
    SupervisedProcess dataplane_;
    SupervisedProcess control_;
    ProcessDesk process_desk_;
    OperatorDesk operator_desk_;
    std::unique_ptr<rpc::Listener> process_listener_;
    std::unique_ptr<rpc::Listener> operator_listener_;
    bool stopping_ = false;
};

}  // namespace sallyport::manager
