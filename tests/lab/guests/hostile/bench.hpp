// Runs the wrong things, one after the other, on a device that works before each and must work
// again after it, while another device works all the time; and says what came of it.
#pragma once

#include "console.hpp"
#include "driver.hpp"

namespace guest::hostile {

/// A case's name, in up to three parts.
struct Name {
    const char* what;
    const char* how = nullptr;
    const char* where = nullptr;
};
void put(const Name& name);

class Bench {
  public:
    /// Of cases that are about what all devices have in common, each one does every `step`th, from
    /// `first` on, so that together they do all.
    struct Sample {
        std::uint64_t step = 1;
        std::uint64_t first = 0;
    };
    /// `witness` is another device, or nullptr.
    Bench(Driver& device, Driver* witness, const Sample& sample)
        : device_(device), witness_(witness), sample_(sample) {}

    Driver& device() { return device_; }

    /// The group of cases from here on: "hostile: DEVICE GROUP: ...".
    void begin(const char* group) { begin(group, {}); }
    /// The same, of cases that all devices have in common.
    void begin_common(const char* group) { begin(group, sample_); }
    void end();

    /// After `wrong()` the device needs a reset.
    template <class Wrong>
    void breaks(const Name& name, Wrong wrong) {
        if (!ready(name)) return;
        wrong();
        if (!device_.needs_reset())
            fail(name, "the device does not say DEVICE_NEEDS_RESET");
        else
            recover(name);
    }

    /// `harmless()` says whether it was; then the device works on.
    template <class Harmless>
    void harmless(const Name& name, Harmless harmless) {
        if (!ready(name)) return;
        if (!harmless())
            fail(name, "has an effect, or another one than it should");
        else
            go_on(name);
    }

    /// Whatever becomes of the device, it works after a reset; `wrong()` says whether it went as it
    /// should.
    template <class Wrong>
    void recovers(const Name& name, Wrong wrong) {
        if (!ready(name)) return;
        if (!wrong())
            fail(name, "has an effect, or another one than it should");
        else
            recover(name);
    }

    /// Cases that failed, in all groups.
    unsigned failures() const { return failures_; }

  private:
    void begin(const char* group, const Sample& taken);
    bool ready(const Name& name);
    void recover(const Name& name);
    void go_on(const Name& name);
    bool revive();
    bool witness_works();
    void fail(const Name& name, const char* why);

    Driver& device_;
    Driver* witness_;
    const Sample sample_;
    Sample taken_;            // of this group
    std::uint64_t seen_ = 0;  // cases of this group
    const char* group_ = "";
    unsigned cases_ = 0;
    unsigned group_failures_ = 0;
    unsigned failures_ = 0;
    bool dead_ = false;  // it does not come back, in this group at least
};

}  // namespace guest::hostile
