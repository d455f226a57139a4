// SPDX-License-Identifier: MIT
// Reads Avro's binary encoding: numbers, texts, and the blocks of arrays and maps, never beyond the bytes that are
// there.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep
#include "must/text/utf8.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::avro {

// Tells that bytes are no Avro. `what` is the end of a sentence whose subject is the value that was read.
class malformed final : public std::exception {
 public:
  malformed(std::string what, std::size_t offset) : what_(std::move(what)), offset_(offset) {}
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
  // The place of the fault, counted from the start of the document.
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

 private:
  std::string what_;
  std::size_t offset_;
};

// Takes one value after another from the front of some bytes, and throws malformed when it is not there. The texts that
// it returns are parts of those bytes. \see Avro 1.9.0, "Binary Encoding"
class decoder {
 public:
  // Reads `bytes`, the first of which stands at `offset` of the document.
  explicit decoder(std::string_view bytes, std::size_t offset = 0)
      : at_(bytes.data()), end_(at_ + bytes.size()), size_(offset + bytes.size()) {}

  [[nodiscard]] std::size_t offset() const { return size_ - left(); }
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  // Takes bytes that stand without their size.
  std::string_view take(std::size_t size) {
    if (size > left()) refuse_end();
    const std::string_view taken(at_, size);
    at_ += size;
    return taken;
  }

  // Takes a number of the type long. It may have more bytes than it needs, but no more than 64 bits.
  std::int64_t take_long() {
    if (at_ == end_) refuse_end();
    const std::uint64_t first = static_cast<unsigned char>(*at_);
    if (first >= 0x80) return take_longer();
    ++at_;
    return unzigzag(first);
  }
  std::int32_t take_int() {
    const auto start = offset();
    const auto number = take_long();
    if (number < std::numeric_limits<std::int32_t>::min() || number > std::numeric_limits<std::int32_t>::max())
      throw malformed("is " + std::to_string(number) + ", which is not an integer of 32 bits,", start);
    return static_cast<std::int32_t>(number);
  }
  bool take_boolean() {
    const auto start = offset();
    const auto byte = take_byte();
    if (byte > 1) throw malformed("is a boolean that is neither 0 nor 1", start);
    return byte == 1;
  }
  double take_double() {
    std::uint64_t bits = 0;
    unsigned shift = 0;
    for (const char c : take(8)) {
      bits |= std::uint64_t{static_cast<unsigned char>(c)} << shift;
      shift += 8;
    }
    return std::bit_cast<double>(bits);
  }
  std::string_view take_bytes() { return take(take_size()); }
  std::string_view take_string() {
    const auto start = offset();
    const auto string = take_bytes();
    if (!text::is_utf8(string)) throw malformed("has a string that is not valid UTF-8", start);
    return string;
  }

  // Takes the index of the branch of a union that has `count` of them.
  std::size_t take_branch(std::size_t count) {
    const auto start = offset();
    const auto branch = take_long();
    if (branch < 0 || static_cast<std::uint64_t>(branch) >= count) refuse_branch(branch, count, start);
    return static_cast<std::size_t>(branch);
  }

  // Takes the number of bytes that follow.
  std::size_t take_size() {
    const auto start = offset();
    const auto size = take_long();
    if (size < 0 || static_cast<std::uint64_t>(size) > left()) refuse_size(size, start);
    return static_cast<std::size_t>(size);
  }

 private:
  static std::int64_t unzigzag(std::uint64_t zigzag) {
    return static_cast<std::int64_t>((zigzag >> 1U) ^ (0 - (zigzag & 1U)));
  }
  // Takes a number of more than one byte.
  std::int64_t take_longer() {
    const auto start = offset();
    std::uint64_t zigzag = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint64_t byte = take_byte();
      if (shift == 63 && byte > 1) throw malformed("has a number of more than 64 bits", start);
      zigzag |= (byte & 0x7FU) << shift;
      if (byte < 0x80) return unzigzag(zigzag);
    }
  }
  // The errors stand apart from what is always run.
  [[noreturn]] void refuse_end() const { throw malformed("ends too early", size_); }
  [[noreturn]] void refuse_size(std::int64_t size, std::size_t start) const {
    throw malformed("has " + std::to_string(size) + " bytes, and " + std::to_string(left()) + " are left,", start);
  }
  [[noreturn]] static void refuse_branch(std::int64_t branch, std::size_t count, std::size_t start) {
    throw malformed("has the branch " + std::to_string(branch) + " of a union of " + std::to_string(count), start);
  }
  unsigned char take_byte() { return static_cast<unsigned char>(take(1).front()); }

  const char* at_;
  const char* end_;
  std::size_t size_;  // The place of the end in the document.
};

// Walks the items of an array, or the entries of a map, through all of its blocks. Each is to be taken before the next.
class items {
 public:
  // `least` is the number of bytes that the smallest item has: 1 or more. A map's entry has 2 or more.
  items(decoder& from, std::size_t least) : from_(&from), least_(least) {}

  // Returns whether there is one more.
  [[nodiscard]] bool next() {
    if (left_ == 0 && !begin_block()) return false;
    --left_;
    return true;
  }

 private:
  bool begin_block() {
    if (sized_ && from_->offset() != end_)
      throw malformed("has a block that does not end where its size says", from_->offset());
    const auto start = from_->offset();
    const auto count = from_->take_long();
    if (count == 0) return false;
    sized_ = count < 0;
    const auto room = sized_ ? from_->take_size() : from_->left();
    end_ = from_->offset() + room;
    left_ = sized_ ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
    if (left_ > room / least_)
      throw malformed("has a block of " + std::to_string(left_) + " in " + std::to_string(room) + " bytes", start);
    return true;
  }

  decoder* from_;
  std::size_t least_;
  std::uint64_t left_ = 0;
  std::size_t end_ = 0;
  bool sized_ = false;
};

}  // namespace must::detail::avro
