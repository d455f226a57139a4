// SPDX-License-Identifier: MIT
// import: files that others have written with CloudEvents' schemas come into a store, and others are refused.
#include "must/storage/avro_import.hpp"

#include "must/avro/container.hpp"
#include "must/avro/deflate.hpp"
#include "must/avro/encode.hpp"
#include "must/cloudevents/avro.hpp"
#include "must/storage/log/avro_commit.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace avro = must::detail::avro;

const std::string marker = "0123456789abcdef";

// As cloudevents-compact.avsc is written, with its attributes in another order and one more.
std::string compact_avsc(bool is_draft) {
  const std::string map = is_draft ? "extensions" : "attributes", null = is_draft ? "" : R"("null", )";
  return R"({
  "namespace": "io.cloudevents.v1.avro.compact",
  "type": "record", "name": "CloudEvent", "version": "1.0",
  "doc": "Avro Compact Event Format for CloudEvents",
  "fields": [
    {"name": "id", "type": {"type": "string", "avro.java.string": "String"}},
    {"type": "string", "name": "source"},
    {"name": "type", "type": "string"},
    {"name": "datacontenttype", "type": ["null", "string"], "default": null},
    {"name": "dataschema", "type": ["null", "string"], "default": null},
    {"name": "subject", "type": ["null", "string"], "default": null},
    {"name": "time", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}], "default": null},
    {"name": ")" +
         map + R"(", "type": {"type": "map", "values": [)" + null +
         R"("boolean", "int", {"type": "long", "logicalType": "timestamp-micros"}, "string", "bytes"]}, "default": {}},
    {"name": "data", "type": ["bytes", "null"], "default": "null"}
  ]
})";
}

// An event in the compact form, with an extension of each type.
std::string compact_event(const std::string& id, bool is_draft) {
  std::string out, entries;
  const int first = is_draft ? 0 : 1;
  avro::append_bytes(out, id);
  avro::append_bytes(out, "/orders");
  avro::append_bytes(out, "Placed");
  avro::append_long(out, 1);
  avro::append_bytes(out, "text/plain");
  avro::append_long(out, 0);
  avro::append_long(out, 1);
  avro::append_bytes(out, "order-1");
  avro::append_long(out, 1);
  avro::append_long(out, 1'790'000'000'000'001);
  std::size_t count = 0;
  const auto entry = [&](std::string_view name, int branch) {
    avro::append_bytes(entries, name);
    avro::append_long(entries, branch);
    ++count;
  };
  if (!is_draft) entry("nothing", 0);
  entry("flag", first);
  avro::append_boolean(entries, true);
  entry("number", first + 1);
  avro::append_long(entries, -7);
  entry("when", first + 2);
  avro::append_long(entries, 5);
  entry("text", first + 3);
  avro::append_bytes(entries, "t");
  entry("bytes", first + 4);
  avro::append_bytes(entries, std::string_view("\0\xFF", 2));
  entry("musttags", first + 3);
  avro::append_bytes(entries, R"(["a","b"])");
  avro::append_items(out, count, entries);
  avro::append_long(out, 0);
  avro::append_bytes(out, "hello");
  return out;
}

struct block_to_write {
  std::uint64_t count;
  std::string objects;
};
// Writes a file of one schema, and returns its path.
std::string write_file(const must_test::temporary_folder& in, const std::string& schema,
                       const std::vector<block_to_write>& blocks, const std::string& codec = "null") {
  avro::container_header header;
  header.metadata["avro.schema"] = schema;
  if (codec != "null") header.metadata["avro.codec"] = codec;
  header.sync = marker;
  std::string out;
  avro::append_header(out, header);
  for (const auto& [count, objects] : blocks) {
    const auto stored = codec == "deflate" ? avro::deflater().deflate(objects) : objects;
    avro::append_block(out, {count, stored}, marker);
  }
  const auto path = in.path + "/file.avro";
  std::ofstream(path, std::ios::binary) << out;
  return path;
}

// A store that takes no batches.
struct single_store : must::memory_store<> {
  void append_batch() = delete;
};
static_assert(must::Storage<single_store> && !must::BatchStorage<single_store>);

must::cloud_event placed(const std::string& id) {
  must::cloud_event made{.id = id, .source = "/orders", .type = "Placed", .subject = "order-1"};
  made.time = must::timestamp{.microseconds = 1'790'000'000'000'001, .digits = 6};
  made.data = must::payload("text/plain", "hello");
  return made;
}
must::commit commit_of(must::position first, std::vector<std::string> ids) {
  must::commit made{.first = first, .id = "c" + std::to_string(first), .writer = "w", .time = {.microseconds = 9}};
  for (const auto& id : ids) made.events.push_back({placed(id), 0, must::version(first + made.events.size())});
  made.events.front().extensions = {{"n", 2}, {"u", must::uri{"urn:x"}}};
  made.events.front().data = must::payload::erased({"asked", {.microseconds = 1}}, "text/plain");
  made.appends = {static_cast<std::uint32_t>(ids.size())};
  made.crc = must::crc_of(made);
  return made;
}
template <typename S>
must::cloud_event stored(S& in, std::string_view id) {
  return static_cast<must::cloud_event>(in.find("/orders", id).value());
}
std::string refusal_of(const std::string& path) {
  must::memory_store<> store;
  return must_test::error_of<must::bad_input>([&] { must::import(store, must::avro_file{path}); }).message;
}

}  // namespace

TEST_CASE("import: the compact form comes with everything that it has, as it is and deflated", "[storage][avro]") {
  for (const bool is_draft : {false, true})
    for (const std::string codec : {"null", "deflate"}) {
      const must_test::temporary_folder folder;
      const auto path = write_file(
          folder, compact_avsc(is_draft),
          {{2, compact_event("1", is_draft) + compact_event("2", is_draft)}, {1, compact_event("3", is_draft)}}, codec);
      must::memory_store<> store;
      const auto done = must::import(store, must::avro_file{path});
      CHECK(done.events == 3);
      CHECK(done.last == 3);
      auto expected = placed("2");
      expected.tags = {"a", "b"};
      expected.extensions = {{"flag", true},
                             {"number", -7},
                             {"when", must::timestamp{.microseconds = 5, .digits = 6}},
                             {"text", "t"},
                             {"bytes", must::binary{std::string("\0\xFF", 2)}}};
      CHECK((stored(store, "2") == expected));
      // The same import again finds every event.
      const auto again = must::import(store, must::avro_file{path});
      CHECK(again.events == 3);
      CHECK(store.head() == 3);
    }
}

TEST_CASE("import: the map form under both of its names comes in", "[storage][avro]") {
  using must::cloudevents::avro_record;
  for (const auto name : {avro_record::avro_cloud_event, avro_record::cloud_event}) {
    const must_test::temporary_folder folder;
    auto event = placed("1");
    event.tags = {"a"};
    event.extensions = {{"flag", true}};
    const auto path = write_file(folder, must::cloudevents::avro_schema(name),
                                 {{2, must::cloudevents::to_avro(event) + must::cloudevents::to_avro(placed("2"))}});
    single_store store;
    CHECK(must::import(store, must::avro_file{path}).events == 2);
    CHECK((stored(store, "1") == event));
    CHECK((stored(store, "2") == placed("2")));
  }
}

TEST_CASE("import: files of must come in, whatever their blocks are", "[storage][avro]") {
  using must::detail::log::commit_schema, must::detail::log::encode_commit;
  const auto one = commit_of(1, {"1", "2"}), other = commit_of(3, {"3"});
  const auto objects = encode_commit(one) + encode_commit(other);
  for (const bool apart : {true, false}) {
    const must_test::temporary_folder folder;
    const auto path = write_file(folder, std::string(commit_schema),
                                 apart ? std::vector<block_to_write>{{2, encode_commit(one)}, {1, encode_commit(other)}}
                                       : std::vector<block_to_write>{{3, objects}});
    must::memory_store<> store;
    CHECK(must::import(store, must::avro_file{.path = path, .batch = 2}).events == 3);
    for (const auto* made : {&one, &other})
      for (const auto& event : made->events)
        CHECK((stored(store, event.id) == static_cast<const must::cloud_event&>(event)));
  }
}

TEST_CASE("import: another schema is refused by its name", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto with = [&](const std::string& schema) { return refusal_of(write_file(folder, schema, {})); };
  CHECK(with(R"({"type":"record","name":"Order","namespace":"shop","fields":[]})") ==
        "import: the file \"" + folder.path +
            "/file.avro\" has the schema \"shop.Order\", which is neither one of CloudEvents' Avro formats nor that of "
            "must, at byte 0; 0 events were imported before");
  CHECK(with("\"string\"").find("has the schema \"without a name\"") != std::string::npos);
  CHECK(with("{").find("has a schema that is not JSON") != std::string::npos);
  CHECK(with("{\"type\":\"record\"}").find("has a schema without \"name\"") != std::string::npos);
  CHECK(with(std::string(10'000, '[')).find("nests deeper than 64 levels") != std::string::npos);
  auto millis = compact_avsc(false);
  millis.replace(millis.find("timestamp-micros"), 16, "timestamp-millis");
  CHECK(with(millis).find("has the schema \"io.cloudevents.v1.avro.compact.CloudEvent\"") != std::string::npos);
  CHECK(refusal_of(write_file(folder, compact_avsc(false), {}, "snappy")).find("has the codec \"snappy\"") !=
        std::string::npos);
}

TEST_CASE("import: damage is told with its place, after what stands before it is stored", "[storage][avro]") {
  const must_test::temporary_folder folder;
  auto bad = compact_event("", false);
  const auto path =
      write_file(folder, compact_avsc(false), {{1, compact_event("1", false)}, {2, compact_event("2", false) + bad}});
  must::memory_store<> store;
  const auto why = must_test::error_of<must::bad_input>([&] { must::import(store, must::avro_file{path}); });
  INFO(why.message);
  CHECK(why.field == "id");
  CHECK(why.message.find(" in the event 2 of the block at byte ") != std::string::npos);
  CHECK(why.message.find(": id is empty at byte ") != std::string::npos);
  CHECK(why.message.find("; 2 events were imported before") != std::string::npos);
  CHECK(store.head() == 2);

  std::ifstream in(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  std::size_t refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    must::memory_store<> cut;
    try {
      const auto done = must::import(cut, must::avro_file{path});
      CHECK(done.events == cut.head());
    } catch (const must::bad_input& thrown) {
      ++refused;
      REQUIRE(thrown.error().message.find(std::to_string(cut.head()) + " events were imported before") !=
              std::string::npos);
    }
  }
  CHECK(refused >= whole.size() - 2);
}

TEST_CASE("import: counts and sizes that cannot be take no memory", "[storage][avro]") {
  const must_test::temporary_folder folder;
  for (const std::uint64_t count : {std::uint64_t{2}, std::uint64_t{1} << 62U})
    CHECK(refusal_of(write_file(folder, compact_avsc(false), {{count, compact_event("1", false)}}))
              .find("ends too early") != std::string::npos);
  CHECK(refusal_of(write_file(folder, compact_avsc(false), {{0, "x"}})).find("is longer than its events") !=
        std::string::npos);
  const auto bomb = write_file(folder, compact_avsc(false), {{1, std::string(100'000, '\0')}}, "deflate");
  must::memory_store<> store;
  CHECK(must_test::error_of<must::bad_input>([&] {
          must::import(store, must::avro_file{.path = bomb, .block_bytes = 10'000});
        }).message.find("has a block that inflates to more than 10000 bytes") != std::string::npos);
}

TEST_CASE("import: a file that cannot be read is a storage_error", "[storage][avro]") {
  must::memory_store<> store;
  const auto why =
      must_test::error_of<must::storage_error>([&] { must::import(store, must::avro_file{"/nowhere/file.avro"}); });
  CHECK(why.backend_code == "ENOENT (2)");
  CHECK(must_test::error_of<must::storage_error>([&] { must::import(store, must::avro_file{"/"}); }).operation ==
        "import");
}

TEST_CASE("import: what the store refuses is told with its place", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto path =
      write_file(folder, compact_avsc(false), {{2, compact_event("1", false) + compact_event("2", false)}});
  must::memory_store<> store;
  auto other = placed("2");
  other.type = "Other";
  static_cast<void>(store.append(std::span(&other, 1), {}));
  const auto why = must_test::error_of<must::duplicate_id>([&] { must::import(store, must::avro_file{path}); });
  CHECK(why.message.find("in the event 2 of the block at byte ") != std::string::npos);
  CHECK(why.message.find("; 1 events were imported before") != std::string::npos);
}
