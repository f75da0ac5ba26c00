// The keys by which a person leaves the console: Ctrl-A, then a letter.
#pragma once

#include <string_view>

#include "base/bytes.hpp"

namespace rvmm::vmm {

/// Ctrl-A x asks to end the run, Ctrl-A p presses the guest's power key, Ctrl-A a and Ctrl-A Ctrl-A
/// stand for one Ctrl-A, Ctrl-A h asks for help. Ctrl-A before anything else passes, with what
/// follows it. A Ctrl-A at the end of one feed() counts for the next.
class EscapeFilter {
  public:
    struct Result {
        Bytes typed;        // what is meant for the guest
        bool quit = false;  // nothing typed after this is looked at
        bool power = false;
        bool help = false;
    };

    Result feed(ByteSpan bytes);

    /// What to print for `help`, with line ends that a raw terminal understands.
    static std::string_view help();

  private:
    bool escaped_ = false;
};

}  // namespace rvmm::vmm
