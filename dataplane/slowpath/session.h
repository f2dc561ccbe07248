#pragma once
// The control plane's session: dataplane.sock, the shared memory of one attach, and its rings.
//
// A connection from an allowed user gets a fresh sealed memfd with the two rings, and the counters page
// (read-only); it replaces the session before it. Either side rings the other by a datagram of one byte on
// the connection after it has pushed records. (Not by an eventfd: its O_NONBLOCK belongs to both holders, so
// that a hostile peer could make our write block.) The end of the connection is the end of the session;
// the flows stay.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/flow/command_service.h"
#include "platform/base/time.h"
#include "platform/os/event_loop.h"
#include "platform/os/log.h"
#include "platform/os/shared_memory.h"
#include "platform/os/unique_fd.h"
#include "platform/os/unix_socket.h"
#include "platform/wire/segment.h"

namespace sallyport::slowpath {

class Session {
public:
    static constexpr const char* kSocketName = "dataplane.sock";  // in the runtime folder
    static constexpr int kCommandsPerTurn = 2'048;
    static constexpr std::uint32_t kAttachesPerSecond = 4;  // each makes memory, on the thread that serves the flows

    struct Status {
        bool attached = false;
        std::uint64_t number = 0;
        Instant since{};
    };

    // `counters_page`: a read-only descriptor, passed on to each session. `control_uid`: whom to let in, beside
    // root.
    Session(os::EventLoop& loop, flow::CommandService& service, int counters_page, uid_t control_uid);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    os::Result<void> listen(const std::string& runtime_dir);
    // Takes commands, bounded. True: more are waiting that can be handled now.
    bool turn(std::uint64_t now_ns);
    // After all events of a turn were pushed.
    void ring_doorbell();

    flow::EventSink& events() { return sink_; }
    // A command waits for room or for a worker: come again soon.
    bool stalled() const { return attached_ && attached_->pending.has_value(); }
    const Status& status() const { return status_; }
    std::uint64_t refused() const { return refused_; }
    // Sessions that ended because a cursor of the peer was impossible.
    std::uint64_t broken() const { return broken_; }
    std::uint64_t commands() const { return commands_; }

private:
    struct Attached {
        os::UniqueFd connection;
        os::Mapping memory;
        wire::RingConsumer<wire::FlowCommand> commands;
        wire::RingProducer<wire::FlowEvent> events;
        std::optional<wire::FlowCommand> pending;  // taken from the ring, not handled yet
        bool rung = true;                          // nothing pushed since the last doorbell
    };
    class Sink final : public flow::EventSink {
    public:
        explicit Sink(Session& session) : session_(session) {}
        std::uint32_t room() override;
        void push(const wire::FlowEvent& event) override;

    private:
        Session& session_;
    };

    void accept();
    os::Result<void> attach(os::UniqueFd connection);
    void detach(const char* why);
    void drain_doorbell();

    os::EventLoop& loop_;
    flow::CommandService& service_;
    int counters_page_;
    uid_t control_uid_;
    os::UniqueFd listener_;
    os::SocketFile socket_file_;
    std::unique_ptr<Attached> attached_;
    Sink sink_{*this};
    Status status_;
    std::uint64_t refused_ = 0;
    std::uint64_t broken_ = 0;
    std::uint64_t commands_ = 0;
    flow::RateLimit attaches_;
    log::LogLimit log_limit_{4};
};

}  // namespace sallyport::slowpath
