// SPDX-License-Identifier: MIT
// The codec deflate: blocks come back, and those that are damaged, cut off or too large are refused.
#include "must/avro/decode.hpp"
#include "must/avro/deflate.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace avro = must::detail::avro;

// Returns what is wrong with a block, or what it inflates to.
std::string inflated_or_flaw(avro::inflater& by, std::string_view block) {
  try {
    return by.inflate(block, 100);
  } catch (const avro::malformed& flaw) {
    return std::string(flaw.what()) + " at byte " + std::to_string(flaw.offset());
  }
}

std::string noise(std::size_t size) {
  std::mt19937 random(1);
  std::string made;
  for (; made.size() < size;) made += static_cast<char>(static_cast<unsigned char>(random() & 0xFFU));
  return made;
}

}  // namespace

TEST_CASE("deflate: blocks of every size come back", "[storage][avro]") {
  avro::deflater deflater;
  avro::inflater inflater(1U << 22U);
  for (const auto size : std::vector<std::size_t>{0, 1, 2, 63, 64, 65, 1'000, 65'536, 1U << 20U, 1U << 22U}) {
    INFO("size " << size);
    for (const auto& block : {std::string(size, 'a'), noise(size)}) {
      const auto deflated = deflater.deflate(block);
      CHECK(inflater.inflate(deflated, 0) == block);
    }
  }
}

TEST_CASE("deflate: what other programs have written is read", "[storage][avro]") {
  const std::string_view stored("\1\5\0\372\377hello", 10);
  CHECK(avro::inflater(5).inflate(stored, 0) == "hello");
  const std::string_view fixed("\313\110\315\311\311\7\0", 7);
  CHECK(avro::inflater(5).inflate(fixed, 0) == "hello");
}

TEST_CASE("deflate: a block that grows beyond the bound is refused and takes no memory", "[storage][avro]") {
  const auto bomb = avro::deflater(9).deflate(std::string(std::size_t{64} << 20U, '\0'));
  REQUIRE(bomb.size() < 100'000);
  avro::inflater inflater(1'000);
  CHECK(inflated_or_flaw(inflater, bomb) == "has a block that inflates to more than 1000 bytes at byte 100");
  const auto full = avro::deflater().deflate(std::string(1'000, 'a'));
  CHECK(inflater.inflate(full, 0).size() == 1'000);
  const auto more = avro::deflater().deflate(std::string(1'001, 'a'));
  CHECK(inflated_or_flaw(inflater, more) == "has a block that inflates to more than 1000 bytes at byte 100");
}

TEST_CASE("deflate: a block that is cut off, or has more behind it, is refused", "[storage][avro]") {
  avro::inflater inflater(10'000);
  for (const auto& block : {std::string(5'000, 'a'), noise(3'000)}) {
    const auto deflated = avro::deflater().deflate(block);
    for (std::size_t size = 0; size < deflated.size(); ++size) {
      INFO("cut to " << size);
      REQUIRE_THROWS_AS(inflater.inflate(std::string_view(deflated).substr(0, size), 0), avro::malformed);
    }
    CHECK(inflated_or_flaw(inflater, deflated + "x") ==
          "has a deflated block with bytes behind its end at byte " + std::to_string(100 + deflated.size()));
    CHECK(inflater.inflate(deflated, 0) == block);
  }
}

TEST_CASE("deflate: with any bit flipped a block ends in an error or in other bytes", "[storage][avro]") {
  avro::inflater inflater(10'000);
  const auto deflated = avro::deflater().deflate("a commit, a commit, a block, a block of commits");
  for (std::size_t bit = 0; bit < 8 * deflated.size(); ++bit) {
    auto flipped = deflated;
    flipped[bit / 8] = static_cast<char>(static_cast<unsigned char>(flipped[bit / 8]) ^ (1U << bit % 8));
    REQUIRE(inflated_or_flaw(inflater, flipped).size() <= 10'000);
  }
}
