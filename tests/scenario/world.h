#pragma once
// A small world on virtual time: the gate (engine, its outbox and its table of saved calls), two networks of user
// agents, a simulated dataplane, and a link that can lose, double and reorder datagrams by a seed.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "controlplane/call/engine.h"
#include "tests/scenario/fake_dataplane.h"
#include "tests/scenario/ua.h"
#include "tests/support/fake_random.h"

namespace sallyport::scenario {

struct LinkSettings {
    unsigned loss_percent = 0;
    unsigned duplicate_percent = 0;
    Duration delay = std::chrono::milliseconds(5);
    Duration jitter{};  // up to: more than `delay` reorders
};

class World {
public:
    explicit World(std::uint64_t seed = 1);
    ~World();

    // --- what a test sets up before start()
    config::ControlView view;
    LinkSettings link;
    std::function<bool(const std::string& bytes)> lose;    // what the link loses beside that
    std::function<bool(const std::string& bytes)> refuse;  // what the gate's kernel does not send
    void start();                                          // engine and dataplane session

    Ua& access(const std::string& host = "pbx.inner.example", const std::string& address = "192.0.2.10");
    Ua& core(const std::string& host = "carrier.secret.example", const std::string& address = "198.51.100.10");
    // A NAT gives the agent of the access side another address.
    void move_access(const std::string& from, const std::string& to);

    // --- time
    Instant now() const { return now_; }
    Now both() const;
    void after(Duration delay, std::function<void()> what);
    void run_for(Duration time);
    bool run_until(const std::function<bool()>& done, Duration limit = std::chrono::seconds(100));
    std::uint64_t draw() { return random_.next_u64(); }

    // --- network
    void send(const Endpoint& from, const Endpoint& to, const std::string& bytes);

    // Streams lose nothing and keep their order. One is there for as long as nobody breaks it; an agent, and the gate,
    // make one where there is none.
    void send_by_stream(Ua& from, const Endpoint& to, const std::string& bytes);
    void break_stream(Ua& agent);
    bool has_stream(const Ua& agent) const;

    // --- the gate
    call::Engine& engine() { return *engine_; }
    call::Outbox& outbox() { return outbox_; }
    FakeDataplane& dataplane() { return dataplane_; }
    std::vector<call::CallRecord> records;
    std::map<std::uint64_t, std::vector<std::byte>> saved;  // the table of live calls
    std::uint64_t counter(std::string_view name) const;
    void dataplane_session(bool up);
    void pump();  // what the gate has to do now
    // kill -9 and a new process: everything that was saved is imported. Returns how many go on. `session`: the
    // dataplane is there at once. `away`: until the new process is there.
    std::size_t crash_and_restart(bool session = true, Duration away = {});

    // --- judgement
    // All problems that anybody has seen; a test compares with "".
    std::string problems() const;
    // What should be zero 64*T1 after the last call; "" if it is.
    std::string leftovers();
    // What bytes on one side told of the other; "" if nothing.
    std::string leaks() const;

private:
    struct Event {
        Instant at;
        std::uint64_t order = 0;
        std::function<void()> what;
        bool operator<(const Event& o) const { return at != o.at ? at > o.at : order > o.order; }
    };

    Ua& agent(std::map<std::string, std::unique_ptr<Ua>>& side, const std::string& host, const std::string& address,
              std::size_t sip_interface);
    void arrive(const Endpoint& from, const Endpoint& to, const std::string& bytes);
    void drain();
    struct Stream {
        Ua* agent = nullptr;
        transaction::Path path;  // as the gate sees it
    };
    // By its number, by where it leads, or made; 0: nobody is there.
    std::uint32_t stream_to(const transaction::Path& path);
    std::uint32_t make_stream(Ua& agent, const transaction::Path& path);
    bool send_by_stream(const transaction::SendQueue::Entry& entry, const std::string& bytes);

    test::FakeRandom random_;
    test::FakeRandom engine_random_;
    Instant now_{std::chrono::hours(1)};
    std::map<std::uint32_t, Stream> streams_;
    std::uint32_t next_stream_ = 1;
    std::priority_queue<Event> events_;
    std::uint64_t order_ = 0;
    std::map<std::string, std::unique_ptr<Ua>> access_;
    std::map<std::string, std::unique_ptr<Ua>> core_;
    call::Outbox outbox_;
    std::unique_ptr<call::Engine> engine_;
    FakeDataplane dataplane_;
    bool session_ = false;
    bool events_due_ = false;
    std::vector<std::string> problems_;
};

// One call from access to core; returns the caller's and the callee's ends.
struct Pair {
    UaCall* caller = nullptr;
    UaCall* callee = nullptr;
};
// Places a call and runs until it is up on both sides.
Pair connect(World& world, Ua& from, Ua& to, const std::string& offer = "default");

// Gives a saved call that was changed the checksum that its export ends with: it reaches the readers behind.
void seal(std::vector<std::byte>& saved);

}  // namespace sallyport::scenario
