#include "bench.hpp"

#include <initializer_list>

#include "pool.hpp"
#include "requests.hpp"

namespace guest::hostile {

void put(const Name& name) {
    guest::put(name.what);
    for (const char* part : {name.how, name.where}) {
        if (part == nullptr) continue;
        guest::put(", ");
        guest::put(part);
    }
}

void Bench::begin(const char* group, const Sample& taken) {
    group_ = group;
    taken_ = taken;
    seen_ = 0;
    cases_ = 0;
    group_failures_ = 0;
    if (dead_) revive();
}

void Bench::end() {
    if (!is_untouched()) fail({"all of them"}, "memory was written that is nobody's");
    if (group_failures_ == 0)
        print_line("hostile: ", device_, " ", group_, ": ok ", Decimal{cases_}, " cases");
    failures_ += group_failures_;
}

bool Bench::ready(const Name& name) {
    if ((seen_++ + taken_.step - taken_.first) % taken_.step != 0) return false;
    ++cases_;
    if (dead_) fail(name, "the device is dead");
    return !dead_;
}

void Bench::recover(const Name& name) {
    if (!witness_works()) return fail(name, "another device does not go on");
    if (!revive()) fail(name, "the device does not work after a reset");
}

void Bench::go_on(const Name& name) {
    if (device_.needs_reset_now()) return fail(name, "the device needs a reset");
    if (!works(device_)) return fail(name, "the device does not go on");
    if (!witness_works()) fail(name, "another device does not go on");
}

bool Bench::revive() {
    dead_ = !device_.start() || !works(device_);
    return !dead_;
}

bool Bench::witness_works() {
    if (witness_ == nullptr || works(*witness_)) return true;
    witness_->start();
    return false;
}

void Bench::fail(const Name& name, const char* why) {
    ++group_failures_;
    print_line("hostile: ", device_, " ", group_, ": FAIL ", name, ": ", why, " (status ",
               Hex{device_.transport().status()}, ", available ",
               Decimal{device_.requests().index()}, ", used ",
               Decimal{device_.requests().used_index()}, ")");
    if (!dead_) revive();
}

}  // namespace guest::hostile
