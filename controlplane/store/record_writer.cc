#include "controlplane/store/record_writer.h"

#include <chrono>
#include <utility>

#include "platform/os/log.h"

namespace sallyport::store {

using namespace std::chrono_literals;

RecordWriter::RecordWriter(RecordFile file, std::function<void()> written)
    : file_(std::move(file)), written_callback_(std::move(written)), thread_([this] { run(); }) {}

RecordWriter::~RecordWriter() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

bool RecordWriter::offer(std::uint64_t call, std::string line) {
    const std::lock_guard lock(mutex_);
    if (queued_ >= kMaxQueued || line.size() > kMaxQueuedBytes - queued_bytes_) {
        ++counters_.refused;
        return false;
    }
    ++queued_;
    queued_bytes_ += line.size();
    queue_.push_back({call, std::move(line)});
    if (queue_.size() == 1) wake_.notify_one();
    return true;
}

std::vector<std::uint64_t> RecordWriter::take_written() {
    const std::lock_guard lock(mutex_);
    return std::exchange(written_, {});
}

void RecordWriter::reopen() {
    const std::lock_guard lock(mutex_);
    reopen_ = true;
    wake_.notify_one();
}

RecordWriter::Counters RecordWriter::counters() const {
    const std::lock_guard lock(mutex_);
    auto out = counters_;
    out.queued = queued_;
    return out;
}

void RecordWriter::report(const std::string& error) {
    {
        const std::lock_guard lock(mutex_);
        ++counters_.failures;
    }
    if (error != last_error_) log::error("call records: {}; trying again every second", error);  // once per cause
    last_error_ = error;
}

bool RecordWriter::append(const std::deque<Entry>& batch) {
    std::string lines;
    for (const Entry& e : batch) lines.append(e.line).push_back('\n');
    if (auto done = file_.append(lines); !done) {
        report(done.error());
        return false;
    }
    last_error_.clear();
    return true;
}

void RecordWriter::run() {
    std::deque<Entry> batch;
    auto next_sync = std::chrono::steady_clock::time_point::max();
    auto next_try = std::chrono::steady_clock::time_point::min();
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto until = std::min(next_sync, batch.empty() ? next_sync : next_try);
        const auto something = [&] { return stop_ || reopen_ || (batch.empty() && !queue_.empty()); };
        if (until == std::chrono::steady_clock::time_point::max())
            wake_.wait(lock, something);
        else
            wake_.wait_until(lock, until, something);
        // What comes a moment later goes with it: a write, and a wake of the SIP thread, for many.
        if (batch.empty() && !queue_.empty()) wake_.wait_for(lock, kGather, [&] { return stop_ || reopen_; });

        const bool stopping = stop_;
        const bool reopening = std::exchange(reopen_, false);
        if (batch.empty()) batch.swap(queue_);
        lock.unlock();

        const auto now = std::chrono::steady_clock::now();
        bool appended = false;
        if (reopening)
            if (auto done = file_.reopen(); !done) report(done.error());
        if (!batch.empty() && (now >= next_try || stopping)) {
            appended = append(batch);
            next_try = appended ? std::chrono::steady_clock::time_point::min() : now + 1s;
            if (appended && next_sync == std::chrono::steady_clock::time_point::max()) next_sync = now + 1s;
        }
        if (now >= next_sync || (stopping && next_sync != std::chrono::steady_clock::time_point::max())) {
            next_sync = std::chrono::steady_clock::time_point::max();
            if (auto done = file_.sync(); !done) {
                report(done.error());
                next_sync = now + 1s;
            }
        }

        lock.lock();
        if (appended) {
            for (const Entry& e : batch) {
                written_.push_back(e.call);
                queued_bytes_ -= e.line.size();
            }
            queued_ -= batch.size();
            counters_.written += batch.size();
            batch.clear();
            lock.unlock();
            written_callback_();
            lock.lock();
        }
        if (stopping && (queue_.empty() || !appended)) return;
    }
}

}  // namespace sallyport::store
