#include "vmm/token/token_exchange.hpp"

namespace rvmm::vmm {

bool TokenExchange::give(ByteSpan token) {
    if (token.empty() || token.size() > kMaxSize) return false;
    const std::scoped_lock lock(mutex_);
    token_.emplace(token.begin(), token.end());
    return true;
}

std::optional<Bytes> TokenExchange::token() const {
    const std::scoped_lock lock(mutex_);
    return token_;
}

}  // namespace rvmm::vmm
