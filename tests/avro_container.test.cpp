// SPDX-License-Identifier: MIT
// Avro's object container files: the framing comes back, and what is damaged or torn off is told with its place.
#include "must/avro/container.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace avro = must::detail::avro;
using namespace std::string_literals;

namespace {

const std::string marker = "0123456789abcdef";

std::string header_of(const std::vector<std::string>& names_and_values) {
  std::string entries;
  for (const auto& each : names_and_values) avro::append_bytes(entries, each);
  std::string out(avro::container_magic);
  avro::append_items(out, names_and_values.size() / 2, entries);
  return out + marker;
}
std::string block_of(std::uint64_t count, std::string_view bytes, std::string_view with = marker) {
  std::string out;
  avro::append_block(out, {count, bytes}, with);
  return out;
}

struct read_file {
  std::vector<std::string> blocks{};
  std::size_t whole = 0;
  std::string flaw{};
};
read_file read(std::string_view bytes) {
  read_file file;
  avro::decoder from(bytes);
  try {
    const auto header = avro::take_header(from);
    file.whole = from.offset();
    while (from.left() > 0) {
      const auto block = avro::take_block(from, header.sync);
      file.blocks.push_back(std::to_string(block.count) + ":" + std::string(block.bytes));
      file.whole = from.offset();
    }
  } catch (const avro::malformed& why) {
    file.flaw = std::string(why.what()) + " at " + std::to_string(why.offset());
  }
  return file;
}
const std::string header = header_of({"avro.schema", "\"long\"", "avro.codec", "null", "mine", "\xff"});

}  // namespace

TEST_CASE("avro container: a header and blocks come back, with metadata of any kind", "[avro][core]") {
  avro::container_header written{{{"avro.schema", "\"long\""}, {"mine", "\xff\0"s}}, marker};
  std::string bytes;
  avro::append_header(bytes, written);
  CHECK(bytes == "Obj\1\x04\x16"s + "avro.schema" + "\x0c\"long\"\x08mine\x04\xff\0\0"s + marker);
  avro::decoder from(bytes);
  const auto again = avro::take_header(from);
  CHECK(from.left() == 0);
  CHECK(again.metadata == written.metadata);
  CHECK(again.sync == marker);
  CHECK(again.schema() == "\"long\"");
  CHECK(again.codec() == "null");

  const auto file = read(header + block_of(2, "ab") + block_of(0, "") + block_of(1, "c"));
  CHECK(file.flaw.empty());
  CHECK(file.blocks == std::vector<std::string>{"2:ab", "0:", "1:c"});
}

TEST_CASE("avro container: the codec is what the metadata names", "[avro][core]") {
  const auto bytes = header_of({"avro.codec", "deflate", "avro.schema", "\"long\""});
  avro::decoder from(bytes);
  CHECK(avro::take_header(from).codec() == "deflate");
}

TEST_CASE("avro container: what is no Avro file is refused", "[avro][core]") {
  CHECK(read("").flaw == "is no Avro file: it does not start with \"Obj\" and 1 at 0");
  CHECK(read("Obj\2").flaw == "is no Avro file: it does not start with \"Obj\" and 1 at 0");
  CHECK(read(header_of({"mine", "x"})).flaw == "has no avro.schema in its metadata at 0");
  CHECK(read(header_of({"avro.schema", ""})).flaw == "has no avro.schema in its metadata at 0");
  CHECK(read(header_of({"a", "x", "a", "y"})).flaw == "has a name of its metadata twice at 9");
  CHECK(read(header_of({"\xff", "x"})).flaw == "has a string that is not valid UTF-8 at 5");
}

TEST_CASE("avro container: a block that is damaged is told with its place, and those before it are read",
          "[avro][core]") {
  const auto start = header + block_of(1, "a");
  const auto place = [&](std::size_t more) { return " at " + std::to_string(start.size() + more); };
  const auto check = [&](const std::string& bad, const std::string& what) {
    const auto file = read(start + bad);
    CHECK(file.flaw == what);
    CHECK(file.blocks == std::vector<std::string>{"1:a"});
    CHECK(file.whole == start.size());
  };
  check(block_of(1, "b", "0123456789abcdeX"), "has a block that does not end with the sync marker" + place(3));
  check("\x01\x02b" + marker, "has a block of -1 objects" + place(0));
  check("\x02\x01", "has -1 bytes, and 0 are left," + place(1));
  check("\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "has 9223372036854775807 bytes, and 0 are left," + place(1));
}

TEST_CASE("avro container: a file that is torn off at any byte has the blocks before it", "[avro][core]") {
  const std::vector<std::string> blocks{block_of(1, "first"), block_of(2, std::string(200, 'x')), block_of(1, "last")};
  auto whole = header;
  std::vector<std::size_t> ends{header.size()};
  for (const auto& block : blocks) ends.push_back((whole += block).size());
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    INFO(size);
    std::size_t complete = 0;
    while (complete < blocks.size() && ends[complete + 1] <= size) ++complete;
    const auto file = read(std::string_view(whole).substr(0, size));
    CHECK(file.blocks.size() == complete);
    CHECK(file.whole == (size < header.size() ? 0 : ends[complete]));
    CHECK(file.flaw.empty() == (size >= header.size() && size == ends[complete]));
  }
}
