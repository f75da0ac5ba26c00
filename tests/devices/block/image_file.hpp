// A disk image in a folder of its own, gone with the test.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace rvmm::devices {

class ImageFile {
  public:
    explicit ImageFile(std::uint64_t size, const std::filesystem::path& in = RVMM_TEST_OUTPUT) {
        std::string name = (in / "disk-XXXXXX").native();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        folder_ = name;
        std::ofstream(path()).close();
        resize(size);
    }
    ImageFile(const ImageFile&) = delete;
    ImageFile& operator=(const ImageFile&) = delete;
    ~ImageFile() { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder() const { return folder_; }
    std::filesystem::path path() const { return folder_ / "image"; }
    void resize(std::uint64_t size) const { std::filesystem::resize_file(path(), size); }
    Bytes bytes() const {
        Bytes all(std::filesystem::file_size(path()));
        std::ifstream(path(), std::ios::binary)
            .read(reinterpret_cast<char*>(all.data()), static_cast<std::streamsize>(all.size()));
        return all;
    }

  private:
    std::filesystem::path folder_;
};

}  // namespace rvmm::devices
