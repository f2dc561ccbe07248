#pragma once
// Memory for the nodes of one container, or for objects of one type: what was given back last is taken first, since it
// is still in the cache, while what the heap hands out mostly is not. Belongs to one thread. The address sanitizer
// sees who touches what waits here.

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(at, size) static_cast<void>(0)
#endif

namespace sallyport {

class NodePool {
public:
    // At most `most` pieces wait here for their next use.
    explicit NodePool(std::size_t most) : most_(most) {}
    ~NodePool() {
        while (first_ != nullptr) ::operator delete(take(size_));
    }
    NodePool(const NodePool&) = delete;
    NodePool& operator=(const NodePool&) = delete;

    void* take(std::size_t size) {
        if (first_ == nullptr || size != size_) return ::operator new(size);
        --kept_;
        auto* piece = std::exchange(first_, first_->next);
        ASAN_UNPOISON_MEMORY_REGION(piece, size);
        return piece;
    }
    // Pieces of the size that comes first are kept, others are not.
    void give(void* piece, std::size_t size) noexcept {
        if (size_ == 0 && size >= sizeof(Free)) size_ = size;
        if (size != size_ || kept_ == most_) return ::operator delete(piece);
        ASAN_POISON_MEMORY_REGION(piece, size);
        ASAN_UNPOISON_MEMORY_REGION(piece, sizeof(Free));
        first_ = new (piece) Free{first_};
        ++kept_;
    }
    std::size_t kept() const { return kept_; }

private:
    struct Free {
        Free* next;
    };
    std::size_t most_;
    std::size_t size_ = 0;
    std::size_t kept_ = 0;
    Free* first_ = nullptr;
};

// For a container of nodes. The pool outlives it.
template <typename T>
struct NodeAllocator {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    using value_type = T;

    explicit NodeAllocator(NodePool& from) : pool(&from) {}
    template <typename U>
    NodeAllocator(const NodeAllocator<U>& other) : pool(other.pool) {}

    // What is no single node is a hash table's list of them.
    static constexpr bool kNode = !std::is_pointer_v<T>;

    T* allocate(std::size_t n) {
        if constexpr (kNode)
            if (n == 1) return static_cast<T*>(pool->take(sizeof(T)));
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* at, std::size_t n) noexcept {
        if constexpr (kNode)
            if (n == 1) return pool->give(at, sizeof(T));
        std::allocator<T>().deallocate(at, n);
    }
    template <typename U>
    friend bool operator==(const NodeAllocator& a, const NodeAllocator<U>& b) {
        return a.pool == b.pool;
    }

    NodePool* pool;
};

}  // namespace sallyport
