#include "vmm/machine/vcpu_thread.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

int kick_signal() {
    return SIGRTMIN;
}

void install_kick_handler() {
    static const bool installed = [] {
        struct sigaction action = {};
        action.sa_handler = [](int) {};
        // No SA_RESTART: KVM_RUN has to return.
        return ::sigaction(kick_signal(), &action, nullptr) == 0;
    }();
    static_cast<void>(installed);
}

/// Signals for the process (SIGTERM and so on) are the main thread's business.
void block_process_signals() {
    sigset_t set;
    ::sigfillset(&set);
    ::sigdelset(&set, kick_signal());
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigdelset(&set, fault);
    ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

}  // namespace

VcpuThread::VcpuThread(kvm::Vcpu vcpu, Serve serve)
    : vcpu_(std::move(vcpu)), serve_(std::move(serve)), mailbox_(1) {
    install_kick_handler();
}

VcpuThread::~VcpuThread() {
    stop();
    join();
}

void VcpuThread::start() {
    thread_ = std::thread([this] {
        block_process_signals();
        thread_id_ = ::gettid();
        loop();
    });
}

void VcpuThread::post(Letter letter) {
    asio::post(mailbox_, [this, letter = std::move(letter)] {
        if (!letter(vcpu_)) running_ = false;
    });
    vcpu_.request_exit();
    // A thread that has no id yet will look into the mailbox; for one that has ended there is none
    // to kick, or another of this process, which the signal does nothing to.
    if (const int thread = thread_id_) ::tgkill(::getpid(), thread, kick_signal());
}

void VcpuThread::stop() {
    if (thread_.joinable()) post([](kvm::Vcpu&) { return false; });
}

void VcpuThread::hold(std::function<void()> held) {
    post([this, held = std::move(held)](kvm::Vcpu&) {
        held_ = true;
        held();
        return true;
    });
}

void VcpuThread::let_go() {
    post([this](kvm::Vcpu&) {
        held_ = false;
        return true;
    });
}

void VcpuThread::join() {
    if (thread_.joinable()) thread_.join();
}

void VcpuThread::loop() {
    const auto letters_may_come = asio::make_work_guard(mailbox_);
    while (true) {
        vcpu_.clear_exit_request();
        mailbox_.restart();
        mailbox_.poll();
        while (running_ && held_) mailbox_.run_one();
        if (!running_) return;
        const kvm::Exit exit = vcpu_.run();
        if (std::holds_alternative<kvm::InterruptedExit>(exit)) continue;
        exits_.push(exit);
        if (!serve_(vcpu_, exit)) return;
    }
}

}  // namespace rvmm::vmm
