// SPDX-License-Identifier: MIT
// The Avro encoding of a commit: what goes in comes out, and bytes that are no commit are refused.
#include "must/detail/crc32c.hpp"
#include "must/storage/log/avro_commit.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace std::string_literals;

namespace {

namespace avro = must::detail::avro;
using must::detail::log::decode_commit, must::detail::log::encode_commit;

// Makes commits at random, with everything that an event may have.
class random_commits {
 public:
  explicit random_commits(std::uint32_t seed) : random_(seed) {}

  must::commit next() {
    must::commit made{.first = 1 + below(1U << 30U), .id = text(40), .writer = text(20), .time = time()};
    for (auto appends = 1 + below(3); appends > 0; --appends) {
      made.appends.push_back(static_cast<std::uint32_t>(below(4)));
      for (auto left = made.appends.back(); left > 0; --left) made.events.push_back(event());
    }
    if (made.events.empty()) {
      made.appends.push_back(1);
      made.events.push_back(event());
    }
    made.crc = must::crc_of(made);
    return made;
  }

 private:
  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }
  // Any bytes, of which not all are UTF-8.
  std::string bytes(std::uint32_t most) {
    std::string made;
    for (auto left = below(most); left > 0; --left) made += static_cast<char>(static_cast<unsigned char>(below(256)));
    return made;
  }
  std::string text(std::uint32_t most) {
    std::string made;
    for (auto left = below(most); left > 0; --left) made += static_cast<char>('a' + static_cast<char>(below(26)));
    return made;
  }
  must::timestamp time() {
    if (below(2) == 0) return {.microseconds = 1'790'000'000'000'000 + below(1'000'000), .digits = 6};
    if (below(8) == 0) return {.microseconds = std::numeric_limits<std::int64_t>::min() + below(9)};
    return {.microseconds = static_cast<std::int64_t>(below(1U << 31U)) * below(1'000'000),
            .femtoseconds_of_billion = below(2) * below(1'000'000'000),
            .offset_minutes = static_cast<std::int16_t>(static_cast<int>(below(2879)) - 1439),
            .digits = static_cast<std::uint8_t>(below(16)),
            .written = static_cast<must::timestamp::notation>(below(6))};
  }
  must::attribute_value value() {
    switch (below(7)) {
      case 0: return below(2) == 1;
      case 1: return static_cast<std::int32_t>(random_());
      case 2: return bytes(30);
      case 3: return must::binary{bytes(30)};
      case 4: return must::uri{"urn:" + bytes(30)};
      case 5: return must::uri_reference{text(30)};
      default: return time();
    }
  }
  must::payload data() {
    const auto type = below(3) == 0 ? "" : below(2) == 0 ? "application/json" : "text/plain";
    switch (below(4)) {
      case 0: return must::payload::absent(type);
      case 1: return must::payload::null(type);
      case 2: return must::payload::erased({text(20), time()}, type);
      default: return {type, bytes(300)};
    }
  }
  must::recorded<must::payload> event() {
    must::recorded<must::payload> made;
    made.id = text(40);
    made.source = "/" + text(20);
    made.type = text(9);
    if (below(4) > 0) made.subject = text(20);
    if (below(4) == 0) made.dataschema = "https://example.com/" + text(9);
    if (below(4) > 0) made.time = time();
    for (auto left = below(4); left > 0; --left) made.extensions.insert_or_assign(text(9), value());
    for (auto left = below(4); left > 0; --left) made.tags.insert(text(9));
    made.data = data();
    made.version = must::version(std::uint64_t{below(1U << 20U)});
    return made;
  }

  std::mt19937 random_;
};

// Returns what is not the same of two commits.
std::string difference(const must::commit& left, const must::commit& right) {
  const auto is_same = [](const must::timestamp& one, const must::timestamp& other) {
    return must::detail::log::is_same_time(one, other);
  };
  if (left.first != right.first || left.id != right.id || left.writer != right.writer) return "name";
  if (!is_same(left.time, right.time) || left.appends != right.appends || left.crc != right.crc) return "commit";
  if (left.events.size() != right.events.size()) return "size";
  for (std::size_t i = 0; i < left.events.size(); ++i) {
    const auto &one = left.events[i], &other = right.events[i];
    if (!(one == other)) return "event " + std::to_string(i);
    if (one.time && !is_same(*one.time, *other.time)) return "time " + std::to_string(i);
  }
  return must::crc_of(left) == must::crc_of(right) ? "" : "checksum";
}

must::commit small_commit() {
  must::commit made{.first = 7, .id = "c", .writer = "w", .time = {.microseconds = 5, .digits = 6}, .appends = {2}};
  made.events.resize(2);
  auto& one = made.events[0];
  one.id = "a";
  one.source = "/s";
  one.type = "T";
  one.subject = "x";
  one.tags = {"t"};
  one.version = 1;
  one.extensions = {{"n", 2}};
  one.data = must::payload("text/plain", "hi");
  auto& other = made.events[1];
  other.id = "b";
  other.source = "/s";
  other.type = "T";
  other.time = must::timestamp{.microseconds = 0, .digits = 0};
  other.data = must::payload::null("application/json");
  made.crc = must::crc_of(made);
  return made;
}

// Whether bytes are refused as damaged, or come out as the commit.
bool is_refused_or_same(const std::string& objects, std::uint64_t count, const must::commit& as) {
  try {
    auto read = decode_commit(objects, count);
    must::detail::log::check_commit(read);
    for (auto& event : read.events) event.position = 0, event.recorded_at = {};
    return difference(read, as).empty();
  } catch (const must::storage_error& thrown) {
    return thrown.error().backend_code == "damaged";
  }
}

}  // namespace

TEST_CASE("avro commit: a commit with everything that an event may have comes back with all of it", "[storage][log]") {
  random_commits commits(1);
  for (int round = 0; round < 2'000; ++round) {
    INFO("round " << round);
    const auto made = commits.next();
    const auto read = decode_commit(encode_commit(made), made.events.size());
    REQUIRE(difference(made, read).empty());
  }
}

TEST_CASE("avro commit: the bytes of a commit are the same for ever", "[storage][log]") {
  const auto made = small_commit();
  const auto objects = encode_commit(made);
  const auto first =
      "\2a\4/s\2T\2\24text/plain\0\2\2x\0\2\4hi"  // The fields of CloudEvents.
      "\16\2\12\2\2t\0\2\2n\16integer\0022\0\0\16present\0\0"
      "\2\2c\2\2w\0\2\4\0\2"s;
  CHECK(objects.substr(0, first.size()) == first);
  CHECK(must::detail::crc32c(objects) == 0x5F59'630AU);
}

TEST_CASE("avro commit: cut at every byte, and with every bit flipped, it is refused", "[storage][log]") {
  random_commits commits(2);
  for (int round = 0; round < 6; ++round) {
    const auto made = round == 0 ? small_commit() : commits.next();
    const auto objects = encode_commit(made);
    const auto count = made.events.size();
    for (std::size_t size = 0; size < objects.size(); ++size) {
      INFO("cut to " << size << " of " << objects.size());
      REQUIRE_THROWS_AS(decode_commit(objects.substr(0, size), count), must::storage_error);
    }
    for (std::size_t bit = 0; bit < 8 * objects.size(); ++bit) {
      auto flipped = objects;
      flipped[bit / 8] = static_cast<char>(static_cast<unsigned char>(flipped[bit / 8]) ^ (1U << bit % 8));
      INFO("bit " << bit);
      REQUIRE(is_refused_or_same(flipped, count, made));
    }
    for (const auto other : {count - 1, count + 1, std::size_t{1} << 60U})
      REQUIRE_THROWS_AS(decode_commit(objects, other), must::storage_error);
  }
}

TEST_CASE("avro commit: counts and sizes that cannot be take no memory", "[storage][log]") {
  for (const auto number : {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(),
                            std::int64_t{-1}, std::int64_t{1} << 40U}) {
    std::string huge;
    avro::append_long(huge, number);
    const auto made = small_commit();
    const auto objects = encode_commit(made);
    for (std::size_t at = 0; at < objects.size(); ++at) {
      INFO("number " << number << " at " << at);
      auto hostile = objects;
      hostile.replace(at, 1, huge);
      REQUIRE_THROWS_AS(decode_commit(hostile, made.events.size()), must::storage_error);
    }
  }
}

TEST_CASE("avro commit: an error names the byte", "[storage][log]") {
  const auto made = small_commit();
  auto objects = encode_commit(made);
  objects.back() ^= 1;
  const auto error = must_test::error_of<must::storage_error>([&] { (void)decode_commit(objects, 2); });
  CHECK(error.backend_code == "damaged");
  CHECK(error.message.find("a commit has an event with another CRC-32C at byte ") == 0);
}
