#pragma once
// The thread that appends call records, so that the SIP thread never waits for a disk. Lines are gathered for some
// moments, for each write wakes two threads, and synced once a second. A killed process loses none, since what is not
// in the file is in the table of calls; a power cut loses at most a second's.
//
// The queue is bounded; what does not fit is refused, and stays where it is kept (the table of calls) until it
// is offered again. A write that fails is tried again every second.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/store/record_file.h"
#include "platform/os/result.h"

namespace sallyport::store {

class RecordWriter {
public:
    static constexpr std::size_t kMaxQueued = 8192;
    static constexpr std::chrono::milliseconds kGather{50};
    static constexpr std::size_t kMaxQueuedBytes = std::size_t{32} << 20;

    struct Counters {
        std::uint64_t written = 0;
        std::uint64_t refused = 0;   // offers that found the queue full
        std::uint64_t failures = 0;  // of write or sync
        std::size_t queued = 0;      // now, with what the thread has in hand
    };

    // `written` is called from the thread, after take_written() has got something to give.
    RecordWriter(RecordFile file, std::function<void()> written);
    ~RecordWriter();  // writes and syncs what is queued, tries once
    RecordWriter(const RecordWriter&) = delete;
    RecordWriter& operator=(const RecordWriter&) = delete;

    // `line` without its newline. False: the queue is full.
    bool offer(std::uint64_t call, std::string line);
    // The calls whose lines are in the file, since the last time.
    std::vector<std::uint64_t> take_written();
    // The file is opened anew before the next line.
    void reopen();
    Counters counters() const;

private:
    struct Entry {
        std::uint64_t call = 0;
        std::string line;
    };

    void run();
    // Both without the lock. False: try again later.
    bool append(const std::deque<Entry>& batch);
    void report(const std::string& error);

    RecordFile file_;         // the thread's own
    std::string last_error_;  // the thread's own
    std::function<void()> written_callback_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Entry> queue_;
    std::size_t queued_ = 0;  // with what the thread has in hand
    std::size_t queued_bytes_ = 0;
    std::vector<std::uint64_t> written_;
    Counters counters_;
    bool reopen_ = false;
    bool stop_ = false;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace sallyport::store
