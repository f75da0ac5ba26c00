// A queue of a device that runs: Queue, and who is told when it has used a chain or is broken.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "devices/virtio/queue.hpp"

namespace rvmm::devices::virtio {

/// What became of a chain: how many of its writable bytes, from the first on, were written.
struct Completion {
    Chain chain;
    std::uint32_t written;
};

/// On the machine's loop. Outlives its chains.
class ReadyQueue {
  public:
    /// Who is told, at once. Outlives the queue.
    class Owner {
      public:
        /// The driver wants an interrupt.
        virtual void used(unsigned queue) = 0;
        /// The driver broke the queue, which gives nothing more.
        virtual void broke(unsigned queue, const Error& error) = 0;
        /// There may be more to take, but others shall have their turn: notify the device again.
        virtual void again(unsigned queue) = 0;

      protected:
        ~Owner() = default;
    };

    ReadyQueue(Queue queue, unsigned index, Owner& owner)
        : queue_(std::move(queue)), index_(index), owner_(owner) {}

    /// A look at the rings, which are leased while it lives: short. What it completes the driver
    /// learns at its end.
    class Visit {
      public:
        Visit(Visit&& other) = delete;
        Visit& operator=(Visit&& other) = delete;
        ~Visit();

        /// The next chain, if there is one and the queue is whole.
        std::optional<Chain> next();
        void complete(Chain chain, std::uint32_t written);
        /// See Queue::Batch.
        void fill(Chain chain, std::uint32_t written);
        void put_back(Chain chain);
        /// Asks the driver not to notify, which it may do all the same.
        void disarm();
        /// Asks for a notification of what comes; true if something came meanwhile: look again.
        bool rearm();

      private:
        friend class ReadyQueue;
        explicit Visit(ReadyQueue& queue);
        ReadyQueue& queue_;
        std::optional<Queue::Batch> batch_;  // nothing: the queue is broken
    };
    Visit visit() { return Visit(*this); }

    /// Takes what the driver made available, chain by chain. `handle` returns how many bytes it
    /// wrote, and the chain is completed; or it moves the chain away, for later, and returns
    /// nothing. Stops after as many chains as the queue has entries, and asks to be called again.
    void serve(const std::function<std::optional<std::uint32_t>(Chain&)>& handle);

    /// There may be more to take: the device shall be notified again, after others' turn.
    void again() { owner_.again(index_); }

    void complete(Chain chain, std::uint32_t written);
    /// All of them, with one interrupt at most; takes the chains.
    void complete(std::span<Completion> completions);

    unsigned index() const { return index_; }
    std::uint16_t size() const { return queue_.size(); }
    bool broken() const { return queue_.broken(); }
    /// Chains that were taken and not completed. A dropped one counts for good.
    std::uint16_t in_flight() const { return queue_.in_flight(); }

  private:
    Queue queue_;
    unsigned index_;
    Owner& owner_;
};

}  // namespace rvmm::devices::virtio
