// SPDX-License-Identifier: MIT
// avro_store: files that are cut at every byte, and files with a bit flipped at every byte (case Z1).
#include "stores/avro.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using must_test::append, must_test::avro_event, must_test::avro_on;

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

// What a store has, and the error of opening and reading it.
struct content {
  std::vector<std::string> ids{};
  std::map<std::string, std::string> cells{};
  std::optional<must::error> why{};
  std::size_t cuts = 0;
};
content content_of(const must::avro_options& options) {
  content found;
  try {
    must::avro_store store(options);
    static_cast<void>(store.read(must::query::all(), {}, [&](const auto& one) { found.ids.push_back(one.id); }));
    for (const auto& key : store.list("")) found.cells[key] = store.get(key).value().bytes;
    store.verify();
    found.cuts = store.recovered().size();
  } catch (const must::storage_error& why) {
    found.why = why.error();
  }
  return found;
}

// Three files of events, and one of cells. The last file has three commits.
struct whole_store {
  whole_store() {
    must::avro_store store(avro_on(path, 3'000));
    for (int i = 1; offsets.size() < 4 || std::filesystem::file_size(last) < 3'000; ++i) {
      REQUIRE(append(store, avro_event(std::to_string(i))).stored());
      ids.push_back(std::to_string(i));
      note_files();
      if (files.size() == 3) offsets.push_back(std::filesystem::file_size(last));
      if (offsets.size() == 3) break;
    }
    for (int i = 1; i <= 3; ++i) REQUIRE(store.put("cell " + std::to_string(i), "value " + std::to_string(i), 0));
    for (const auto& key : store.list("")) cells[key] = store.get(key).value().bytes;
  }
  void note_files() {
    files.clear();
    for (const auto& one : std::filesystem::directory_iterator(folder.path)) files.push_back(one.path().string());
    std::sort(files.begin(), files.end());
    last = files.back();
  }
  must_test::temporary_folder folder{};
  std::string path = folder.file("events.avro"), last = path;
  std::vector<std::string> files{}, ids{};
  std::vector<std::size_t> offsets{};  // The ends of the commits of the last file.
  std::map<std::string, std::string> cells{};
};

// What is read is the begin of what was stored, or an error names the file and the offset.
void check_is_begin(const content& found, const whole_store& whole) {
  if (found.why) {
    CHECK_FALSE(found.why->backend_code.empty());
    CHECK(found.why->message.find("the file \"") != std::string::npos);
    return;
  }
  REQUIRE(found.ids.size() <= whole.ids.size());
  CHECK(std::equal(found.ids.begin(), found.ids.end(), whole.ids.begin()));
  for (const auto& [key, bytes] : found.cells) CHECK(whole.cells.at(key) == bytes);
}

}  // namespace

TEST_CASE("avro_store: Z1 a file that is cut at any byte gives all commits before the cut, and takes new ones",
          "[storage][avro]") {
  const whole_store whole;
  const auto bytes = read_file(whole.last);
  const auto first_end = 2 * whole.offsets[0] - whole.offsets[1];  // All blocks have about the same size.
  for (auto size = bytes.size() - 1; size > 0; size -= size < first_end - 8 ? std::min<std::size_t>(size, 97) : 1) {
    INFO("cut at byte " << size);
    write_file(whole.last, bytes.substr(0, size));
    const auto found = content_of(avro_on(whole.path, 3'000));
    check_is_begin(found, whole);
    std::size_t left = whole.ids.size() - 3;
    for (const auto end : whole.offsets) left += end <= size ? 1 : 0;
    if (found.why) {  // It is in the header of the file.
      CHECK(left == whole.ids.size() - 3);
      CHECK(found.why->backend_code == "damaged");
      continue;
    }
    CHECK(found.ids.size() == left);
    CHECK(found.cells == whole.cells);
    const bool is_torn = std::find(whole.offsets.begin(), whole.offsets.end(), size) == whole.offsets.end();
    if (is_torn && found.ids.size() + 3 > whole.ids.size()) CHECK(found.cuts == 1);
    must::avro_store store(avro_on(whole.path, 3'000));
    CHECK(append(store, avro_event("new")).value().first == left + 1);
  }
}

TEST_CASE("avro_store: Z1 a flipped bit is told with its place, or changes nothing", "[storage][avro]") {
  const whole_store whole;
  std::mt19937 random(7);
  std::size_t told = 0, tried = 0;
  for (const auto& path : whole.files) {
    const auto bytes = read_file(path);
    const std::size_t step = path == whole.files[1] ? 11 : 1;  // The second file is as the first one and the last one.
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      INFO(path << " at byte " << at);
      auto changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ (1 << (random() % 8)));
      write_file(path, changed);
      auto options = avro_on(whole.path, 3'000);
      options.mode = must::avro_mode::read_only;
      const auto found = content_of(options);
      check_is_begin(found, whole);
      ++tried;
      told += found.why ? 1 : 0;
      if (!found.why) CHECK(found.ids == whole.ids);
    }
    write_file(path, bytes);
  }
  CHECK(told == tried);
}
