// A vCPU's thread: enter the guest, take the exit, have it served, look at the mailbox, enter
// again.
//
// The kick. Someone who wants a vCPU's attention (1) posts to its mailbox, (2) sets immediate_exit
// in kvm_run, (3) sends the thread the kick signal, whose handler does nothing. The vCPU's thread,
// each time round: (a) clears immediate_exit, (b) empties the mailbox, (c) calls KVM_RUN.
//  - Posted before (b): (b) sees it.
//  - Posted after (b): immediate_exit is set after (a), so KVM_RUN returns EINTR at once, or the
//  signal
//    interrupts it; either way the next (b) sees it.
// A set immediate_exit that (a) clears belongs to a post that (b) then sees. So no kick is lost and
// no spurious one does harm.
//
// A thread that is held stays in (b) and serves its letters there, until one lets it go.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include <asio/io_context.hpp>

#include "vmm/kvm/vm.hpp"
#include "vmm/machine/exit_ring.hpp"

namespace rvmm::vmm {

class VcpuThread {
  public:
    /// Serves an exit on the vCPU's own thread; false ends the thread.
    using Serve = std::function<bool(kvm::Vcpu&, const kvm::Exit&)>;
    /// Work for the vCPU's own thread, between two entries; false ends the thread.
    using Letter = std::function<bool(kvm::Vcpu&)>;

    VcpuThread(kvm::Vcpu vcpu, Serve serve);
    ~VcpuThread();

    /// The vCPU itself, and its last exits: only before start() and after join().
    kvm::Vcpu& vcpu() { return vcpu_; }
    const ExitRing& exits() const { return exits_; }
    void start();
    /// Any thread, after start().
    void post(Letter letter);
    /// Any thread: ends the thread soon. Does nothing if it has not been started.
    void stop();
    void join();
    /// Any thread, after start(): holds the vCPU before its next entry. `held` is called on its
    /// thread then; never, if that ends before.
    void hold(std::function<void()> held);
    /// Any thread, after start(): ends that.
    void let_go();
    /// Of the host; 0 before start().
    int thread_id() const { return thread_id_; }

  private:
    void loop();

    kvm::Vcpu vcpu_;
    Serve serve_;
    ExitRing exits_;
    asio::io_context mailbox_;
    std::atomic<bool> running_{true};
    bool held_ = false;  // the thread's own
    std::atomic<int> thread_id_{0};
    std::thread thread_;
};

}  // namespace rvmm::vmm
