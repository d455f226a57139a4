// SPDX-License-Identifier: MIT
// Fuzzes the rows of a SQLite file that another program has written to, or that is damaged.
//
// An input is lines of fields between tabs: "e" and the columns of an event, "t" and those of a tag, "c" and those of a
// cell, "n" and up to where the tags are in their index: to the head without it. Every operation ends: with what can be
// read, or with a typed error.
#include "fuzz.hpp"

#include "must/must.hpp"
#include "must/storage/sqlite.hpp"

#include <filesystem>
#include <span>
#include <vector>

using fuzz::expect;

namespace {

class file {
 public:
  file() {
    auto pattern = (std::filesystem::temp_directory_path() / "must-fuzz-XXXXXX").string();
    expect(::mkdtemp(pattern.data()) != nullptr, "no temporary folder");
    folder_ = pattern;
    store.emplace(must::sqlite_options{
        .path = folder_ + "/a.db", .durability = must::sqlite_durability::normal, .page_events = 2});
    ::sqlite3_open((folder_ + "/a.db").c_str(), &raw_);
    run("PRAGMA synchronous = OFF");
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  ~file() {
    ::sqlite3_close(raw_);
    store.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  // Puts what SQLite takes of an input into the place of what is there, and says how many events that are.
  std::uint64_t fill(std::string_view input) {
    run("BEGIN IMMEDIATE; DELETE FROM must_event; DELETE FROM must_tag; DELETE FROM must_cell");
    run("UPDATE must_store SET incarnation = incarnation + 1, indexed = 9223372036854775807");
    while (!input.empty()) {
      auto line = fuzz::take_field(input);
      const auto kind = fuzz::take_field(line, '\t');
      if (kind == "e")
        insert(
            "INSERT OR IGNORE INTO must_event(position, stream, version, type, id, source, time, recorded_at, "
            "append_offset, append_size, digest, state, content_type, tags, attributes, data) VALUES "
            "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            "ititttiiiibitbbb", line);
      if (kind == "t") insert("INSERT OR IGNORE INTO must_tag VALUES (?1, ?2, ?3)", "tit", line);
      if (kind == "c") insert("INSERT OR IGNORE INTO must_cell VALUES (?1, ?2, ?3)", "tib", line);
      if (kind == "n") insert("UPDATE OR IGNORE must_store SET indexed = ?1", "i", line);
    }
    run("UPDATE must_store SET indexed = min(indexed, ifnull((SELECT max(position) FROM must_event), 0))");
    run("COMMIT");
    ::sqlite3_stmt* count = nullptr;
    ::sqlite3_prepare_v2(raw_, "SELECT count(*) FROM must_event", -1, &count, nullptr);
    ::sqlite3_step(count);
    const auto events = static_cast<std::uint64_t>(::sqlite3_column_int64(count, 0));
    ::sqlite3_finalize(count);
    return events;
  }

  std::optional<must::sqlite_store> store{};

 private:
  void run(const char* sql) { expect(::sqlite3_exec(raw_, sql, nullptr, nullptr, nullptr) == SQLITE_OK, sql); }
  // A column of each kind: integer, text, blob; an empty one is NULL.
  void insert(const char* sql, const char* kinds, std::string_view fields) {
    ::sqlite3_stmt* made = nullptr;
    ::sqlite3_prepare_v2(raw_, sql, -1, &made, nullptr);
    for (int at = 1; *kinds != '\0'; ++kinds, ++at) {
      const auto field = fuzz::take_field(fields, '\t');
      const auto size = static_cast<int>(field.size());
      if (field.empty() && *kinds != 'b') continue;
      if (*kinds == 'i') ::sqlite3_bind_int64(made, at, std::strtoll(std::string(field).c_str(), nullptr, 10));
      if (*kinds == 't' || *kinds == 's') ::sqlite3_bind_text(made, at, field.data(), size, SQLITE_TRANSIENT);
      if (*kinds == 'b') ::sqlite3_bind_blob(made, at, field.data(), size, SQLITE_TRANSIENT);
    }
    ::sqlite3_step(made);
    ::sqlite3_finalize(made);
  }

  std::string folder_;
  ::sqlite3* raw_ = nullptr;
};

template <typename Work>
void try_to(Work&& work) {
  try {
    work();
  } catch (const must::exception& thrown) {
    expect(thrown.error().code != must::error_code::bad_input, "the user is blamed for what is stored");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static file on;
  const auto events = on.fill({reinterpret_cast<const char*>(data), size});
  auto& store = *on.store;
  const std::vector<must::query> queries{
      must::query::all(),           must::query::of_stream("s"),
      must::query::of_tags({"t"}),  must::query::of_tags({"t", "u"}),
      must::query::of_types({"E"}), {{.types = {"E", "F"}, .tags = {"t"}}, {.types = {"F"}, .stream = "s"}}};
  for (const auto& which : queries) {
    for (const auto order : {must::direction::forwards, must::direction::backwards}) {
      try_to([&] {
        std::uint64_t visits = 0;
        static_cast<void>(store.read(which, {.order = order}, [&](const auto& record) {
          static_cast<void>(record.recorded_at.to_string());
          expect(++visits <= 2 * events, "a read visits more events than there are");
        }));
      });
    }
    try_to([&] {
      std::vector<must::cloud_event> one{{.id = "i", .source = "/s", .type = "E", .subject = "s"}};
      static_cast<void>(store.append(one, {.query = which, .after = 1}));
    });
  }
  try_to([&] { static_cast<void>(store.version("s")); });
  try_to([&] { static_cast<void>(store.find("/s", "i")); });
  try_to([&] {
    for (const auto& key : store.list("c")) try {
        static_cast<void>(store.get(key));
      } catch (const must::bad_input&) {}  // a key that no store of must has written
    static_cast<void>(store.put("c", "bytes", 1));
  });
  return 0;
}
