// One lambda for each alternative of a std::variant: std::visit(Overloaded{...}, variant).
#pragma once

namespace rvmm {

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

}  // namespace rvmm
