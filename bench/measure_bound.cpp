// What OpenSSL alone needs for a file on one core: prints the milliseconds for hashing every
// 4 KiB page of it, and for as many descriptors of 256 bytes, each after the other.
//
// usage: measure_bound FILE SHA256|SHA384|SHA512
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kDescriptor = 256;

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

class Hasher {
  public:
    explicit Hasher(const char* name)
        : algorithm_(EVP_MD_fetch(nullptr, name, nullptr)), context_(EVP_MD_CTX_new()) {
        if (algorithm_ == nullptr || context_ == nullptr) std::abort();
    }
    void hash(const void* data, std::size_t size) {
        const bool ok = EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
                        EVP_DigestUpdate(context_, data, size) == 1 &&
                        EVP_DigestFinal_ex(context_, digest_, nullptr) == 1;
        if (!ok) std::abort();
    }
    const unsigned char* digest() const { return digest_; }

  private:
    EVP_MD* algorithm_;
    EVP_MD_CTX* context_;
    unsigned char digest_[EVP_MAX_MD_SIZE] = {};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: measure_bound FILE SHA256|SHA384|SHA512\n");
        return 64;
    }
    const int fd = ::open(argv[1], O_RDONLY | O_CLOEXEC);
    struct stat status = {};
    if (fd < 0 || ::fstat(fd, &status) != 0) {
        std::perror(argv[1]);
        return 66;
    }
    const auto size = static_cast<std::size_t>(status.st_size) / kPage * kPage;
    void* const map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        std::perror(argv[1]);
        return 66;
    }
    const auto* const bytes = static_cast<const unsigned char*>(map);
    Hasher hasher(argv[2]);

    auto begin = Clock::now();
    for (std::size_t at = 0; at < size; at += kPage) hasher.hash(bytes + at, kPage);
    const double bulk = milliseconds_since(begin);

    unsigned char descriptor[kDescriptor] = {};
    begin = Clock::now();
    for (std::size_t at = 0; at < size; at += kPage) {
        hasher.hash(descriptor, kDescriptor);
        descriptor[16] = hasher.digest()[0];  // each depends on the one before
    }
    const double chain = milliseconds_since(begin);
    std::printf("%.1f %.1f\n", bulk, chain);
    return 0;
}
