// SPDX-License-Identifier: MIT
// Reads an Avro container file block by block, with no more memory than a block may have.
#pragma once

#include "must/avro/container.hpp"
#include "must/avro/decode.hpp"
#include "must/avro/deflate.hpp"
#include "must/detail/posix_file.hpp"
#include "must/error.hpp"
#include "must/text/quoted.hpp"

#include <fcntl.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::importing {

// The objects of a block, and where it begins in the file.
struct file_block {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  std::string_view objects{};  // They live until the next block is read.
};

// The members that read throw malformed, whose offset is that in the file, and storage_error.
class container_file {
 public:
  // `most` is the size that a block may have, before and after it is inflated.
  container_file(std::string path, std::size_t most) : path_(std::move(path)), most_(most), inflater_(most) {
    int code = 0;
    file_ = posix::open_file(path_, O_RDONLY, code);
    if (!file_) raise(posix::failure(code, operation, path_));
    size_ = posix::state_of(file_, path_, operation).size;
  }

  // Reads the header, which comes before every block. It is called once.
  [[nodiscard]] avro::container_header read_header() {
    constexpr std::uint64_t most_header = std::uint64_t{1} << 20U;
    read(std::min(size_, most_header), 0);
    avro::decoder from(buffer_);
    auto header = avro::take_header(from);
    if (header.codec() != "null" && header.codec() != avro::deflate_codec)
      throw avro::malformed(
          "has the codec " + text::in_quotes(header.codec()) + ", and only \"null\" and \"deflate\" are read,", 0);
    sync_ = header.sync;
    is_deflated_ = header.codec() == avro::deflate_codec;
    at_ = from.offset();
    return header;
  }
  // Reads the next block. Returns false at the end of the file.
  [[nodiscard]] bool next(file_block& into) {
    if (at_ == size_) return false;
    std::array<char, 20> numbers{};
    const auto there = posix::read_at(file_, numbers.data(), numbers.size(), at_, operation, path_);
    avro::decoder from({numbers.data(), there}, at_);
    const auto count = from.take_long();
    const auto size = from.take_long();
    const auto start = from.offset();
    if (count < 0) throw avro::malformed("has a block of " + std::to_string(count) + " events", at_);
    if (size < 0 || static_cast<std::uint64_t>(size) > most_)
      throw avro::malformed(
          "has a block of " + std::to_string(size) + " bytes, and " + std::to_string(most_) + " are allowed,", at_);
    const auto bytes = static_cast<std::size_t>(size);
    if (size_ - std::min<std::uint64_t>(size_, start) < bytes + avro::sync_size)
      throw avro::malformed("has a block that is cut off", at_);
    read(bytes + avro::sync_size, start);
    const std::string_view whole(buffer_);
    if (whole.substr(bytes) != sync_)
      throw avro::malformed("has a block that does not end with the sync marker", start + bytes);
    auto objects = whole.substr(0, bytes);
    if (is_deflated_) objects = inflated_ = inflater_.inflate(objects, start);
    into = {std::exchange(at_, start + bytes + avro::sync_size), static_cast<std::uint64_t>(count), objects};
    return true;
  }

 private:
  static constexpr std::string_view operation = "import";

  void read(std::size_t size, std::uint64_t offset) {
    buffer_.resize(size);
    if (posix::read_at(file_, buffer_.data(), size, offset, operation, path_) != size)
      throw avro::malformed("ends too early", offset);
  }

  std::string path_;
  std::size_t most_;
  posix::descriptor file_{};
  std::uint64_t size_ = 0;  // The size that the file had when it was opened.
  std::uint64_t at_ = 0;
  std::string sync_{};
  bool is_deflated_ = false;
  avro::inflater inflater_;
  std::string buffer_{}, inflated_{};
};

}  // namespace must::detail::importing
