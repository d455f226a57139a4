// SPDX-License-Identifier: MIT
// avro_store: what may be wrong with a file when it is opened, and what may become of it while it is open.
#include "must/avro/container.hpp"
#include "must/detail/at_exit.hpp"
#include "stores/avro.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

namespace {

using must_test::append, must_test::avro_event, must_test::avro_on;

must::error failure_of(auto&& call) { return must_test::error_of<must::storage_error>(call); }
must::error failure_of_opening(const std::string& path) {
  return failure_of([&] { must::avro_store(avro_on(path)); });
}
std::string header_with(std::string_view name, std::string value) {
  must::detail::avro_log::file_header made{.uuid = "u", .sync = std::string(16, 's')};
  const auto bytes = must::detail::avro_log::encode_header(made);
  must::detail::avro::decoder from(bytes);
  auto header = must::detail::avro::take_header(from);
  header.metadata[std::string(name)] = std::move(value);
  std::string out;
  must::detail::avro::append_header(out, header);
  return out;
}
std::vector<std::string> ids_of(must::avro_store& store) {
  std::vector<std::string> ids;
  static_cast<void>(store.read(must::query::all(), {}, [&](const auto& one) { ids.push_back(one.id); }));
  return ids;
}

}  // namespace

TEST_CASE("avro_store: a file that is none of must is refused and stays as it is", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto path = folder.file("events.avro");
  CHECK(must_test::error_of<must::bad_input>([] { must::avro_store(must::avro_options{}); }).field == "path");
  CHECK(must_test::error_of<must::bad_input>([&] { must::avro_store(avro_on(path + '\0')); }).field == "path");
  CHECK(failure_of_opening(folder.path).backend_code == "EISDIR (21)");
  CHECK(failure_of_opening(folder.file("none/events.avro")).backend_code == "ENOENT (2)");
  const auto refused = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    const auto why = failure_of_opening(path);
    CHECK(std::filesystem::file_size(path) == bytes.size());
    CHECK_FALSE(why.retryable);
    return why.backend_code.str();
  };
  CHECK(refused("") == "damaged");
  CHECK(refused("no Avro") == "damaged");
  CHECK(refused(header_with("must.format", "2")) == "newer");
  CHECK(refused(header_with("must.format", "")) == "foreign");
  CHECK(refused(header_with("avro.schema", "\"string\"")) == "schema");
  CHECK(refused(header_with("must.history", "v")) == "damaged");
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(failure_of_opening(path).backend_code == "EINVAL (22)");
}

TEST_CASE("avro_store: a store that is read only writes nothing", "[storage][avro]") {
  const must_test::temporary_folder folder;
  auto options = avro_on(folder.file("events.avro"));
  must::avro_store writer(options);
  REQUIRE(append(writer, avro_event("1")).stored());
  options.mode = must::avro_mode::read_only;
  must::avro_store store(options);
  CHECK(store.head() == 1);
  CHECK(failure_of([&] { static_cast<void>(append(store, avro_event("2"))); }).backend_code == "EROFS (30)");
  CHECK(failure_of([&] { store.put("key", "value", 0); }).backend_code == "EROFS (30)");
  REQUIRE(append(writer, avro_event("2")).stored());
  CHECK(store.head() == 2);
  CHECK_FALSE(std::filesystem::exists(folder.file("events.avro.cells")));
  options.path = folder.file("none");
  CHECK(failure_of([&] { must::avro_store none(options); }).backend_code == "ENOENT (2)");
}

TEST_CASE("avro_store: nothing is written to a file that is not at its path any more", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto path = folder.file("events.avro"), elsewhere = folder.file("elsewhere");
  must::avro_store store(avro_on(path));
  REQUIRE(append(store, avro_event("1")).stored());
  REQUIRE(store.put("key", "value", 0));
  const auto is_refused = [&] {
    CHECK(failure_of([&] { static_cast<void>(append(store, avro_event("lost"))); }).backend_code == "ESTALE (116)");
    CHECK(failure_of([&] { static_cast<void>(store.head()); }).backend_code == "ESTALE (116)");
    CHECK(failure_of([&] { store.wait_for(100, must::duration(1'000'000)); }).backend_code == "ESTALE (116)");
  };
  SECTION("moved, and back again") {
    std::filesystem::rename(path, elsewhere);
    is_refused();
    CHECK(must::avro_store(avro_on(elsewhere)).head() == 1);
    std::filesystem::rename(elsewhere, path);
    CHECK(append(store, avro_event("2")).value().first == 2);
  }
  SECTION("removed, and made anew by another store") {
    std::filesystem::remove(path);
    is_refused();
    std::filesystem::remove(path + ".cells");
    CHECK(failure_of([&] { store.put("key", "lost", 1); }).backend_code == "ESTALE (116)");
    must::avro_store another(avro_on(path));
    CHECK(append(another, avro_event("3")).value().first == 1);
    is_refused();
  }
  SECTION("replaced by a backup") {
    store.backup(elsewhere);
    std::filesystem::rename(elsewhere, path);
    is_refused();
  }
  SECTION("cut below what was read") {
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
    CHECK(failure_of([&] { static_cast<void>(append(store, avro_event("lost"))); }).backend_code == "damaged");
    CHECK(failure_of([&] { static_cast<void>(store.head()); }).backend_code == "damaged");
  }
}

TEST_CASE("avro_store: links and folders that change do not change which file is open", "[storage][avro]") {
  const must_test::temporary_folder folder, there;
  const auto link = folder.file("current");
  const auto before = std::filesystem::current_path();
  const must::detail::at_exit back([&] { std::filesystem::current_path(before); });
  std::filesystem::create_symlink("v1", link);  // It leads to a file that is made.
  must::avro_store store(avro_on(link));
  REQUIRE(append(store, avro_event("1")).stored());
  REQUIRE(std::filesystem::exists(folder.file("v1")));
  { must::avro_store other(avro_on(folder.file("v2"))); }
  std::filesystem::remove(link);
  std::filesystem::create_symlink("v2", link);
  CHECK(append(store, avro_event("2")).value().first == 2);
  std::filesystem::current_path(folder.path);
  must::avro_store near(avro_on("v1"));
  std::filesystem::current_path(there.path);
  CHECK(near.head() == 2);
  CHECK(append(near, avro_event("3")).value().first == 3);
  CHECK(near.put("key", "value", 0));
  CHECK(store.get("key").value().bytes == "value");
}

TEST_CASE("avro_store: a write that fails leaves nothing behind, and the next one succeeds", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto path = folder.file("events.avro");
  auto options = avro_on(path);
  options.durability = must::avro_durability::full;
  must::avro_store store(options), other(options);
  REQUIRE(append(store, avro_event("1")).stored());
  const auto size = std::filesystem::file_size(path);
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto* const handled = std::signal(SIGXFSZ, SIG_IGN);
  auto most = before;
  most.rlim_cur = size + 100;  // The first hundred bytes are written, and no more.
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &most) == 0);
  const auto why = failure_of([&] { static_cast<void>(append(store, avro_event("2"))); });
  std::string large(most.rlim_cur + 1, 'x');
  const auto cell_why = failure_of([&] { store.put("key", large, 0); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handled);
  CHECK(why.backend_code == "EFBIG (27)");
  CHECK(why.operation == "append");
  CHECK(cell_why.backend_code == "EFBIG (27)");
  CHECK(std::filesystem::file_size(path) == size);
  CHECK(append(other, avro_event("3")).value().first == 2);
  CHECK(append(store, avro_event("2")).value().first == 3);
  CHECK_FALSE(store.get("key"));
  CHECK(store.put("key", large, 0));
  CHECK(other.get("key").value().bytes == large);
  CHECK(store.verify().head == 3);
}

TEST_CASE("avro_store: what another store is writing is not read, and what it has left is cut off", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto path = folder.file("events.avro");
  must::avro_store store(avro_on(path));
  REQUIRE(append(store, avro_event("1")).stored());
  std::string block;
  {  // The bytes of a commit that follows.
    must::avro_store copied(avro_on(path));
    const auto size = std::filesystem::file_size(path);
    REQUIRE(append(copied, avro_event("2")).stored());
    std::ifstream in(path, std::ios::binary);
    const std::string all(std::istreambuf_iterator<char>(in), {});
    block = all.substr(size);
    std::filesystem::resize_file(path, size);
  }
  must::avro_store reader(avro_on(path));
  const auto end = std::filesystem::file_size(path);
  {
    int code = 0;
    const auto file = must::detail::posix::open_file(path, O_RDWR, code);
    struct ::flock range{};
    range.l_type = F_WRLCK;
    range.l_start = static_cast<::off_t>(end);
    REQUIRE(::fcntl(file.get(), F_OFD_SETLK, &range) == 0);
    REQUIRE(must::detail::posix::write_at(file, block, end) == 0);
    CHECK(reader.head() == 1);  // It is whole, but may vanish.
    CHECK(ids_of(reader) == std::vector<std::string>{"1"});
  }
  CHECK(reader.head() == 2);  // Who has written it is gone, and it stays.
  std::filesystem::resize_file(path, end + block.size() - 1);
  must::avro_store late(avro_on(path));
  REQUIRE(late.recovered().size() == 1);
  CHECK(late.recovered()[0].path == path);
  CHECK(late.recovered()[0].offset == end);
  CHECK(late.recovered()[0].bytes == block.size() - 1);
  CHECK(append(late, avro_event("3")).value().first == 2);
}

TEST_CASE("avro_store: a file of a log that is missing or of another log is told", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto path = folder.file("events.avro");
  std::vector<std::string> ids;
  {
    must::avro_store store(avro_on(path, 1)), other(avro_on(path, 1));
    for (int i = 1; i <= 4; ++i) {
      REQUIRE(append(i % 2 == 0 ? store : other, avro_event(std::to_string(i))).stored());
      ids.push_back(std::to_string(i));
    }
    CHECK(ids_of(store) == ids);
    CHECK(store.verify().files == 4);
  }
  const auto third = path + ".00000000000000000003.avro", fourth = path + ".00000000000000000004.avro";
  REQUIRE(std::filesystem::exists(fourth));
  CHECK(failure_of_opening(third).backend_code == "foreign");
  SECTION("missing") {
    std::filesystem::remove(third);
    CHECK(failure_of_opening(path).backend_code == "damaged");
  }
  SECTION("of another log") {
    const auto another = folder.file("another.avro");
    {
      must::avro_store store(avro_on(another, 1));
      for (int i = 1; i <= 4; ++i) REQUIRE(append(store, avro_event(std::to_string(i))).stored());
    }
    std::filesystem::rename(another + ".00000000000000000003.avro", third);
    CHECK(failure_of_opening(path).backend_code == "foreign");
  }
  SECTION("changed while the store is open") {
    auto options = avro_on(path);
    options.cache_bytes = 0;
    must::avro_store store(options);
    std::filesystem::copy_file(fourth, third, std::filesystem::copy_options::overwrite_existing);
    CHECK_THROWS_AS(ids_of(store), must::storage_error);
  }
}

TEST_CASE("avro_store: a backup is one file with another history, and never replaces a file", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto path = folder.file("events.avro"), copy = folder.file("copy.avro");
  auto options = avro_on(path, 3'000);
  options.codec = GENERATE(must::avro_codec::null, must::avro_codec::deflate);
  must::avro_store store(options);
  for (int i = 1; i <= 20; ++i) REQUIRE(append(store, avro_event(std::to_string(i))).stored());
  REQUIRE(store.put("key", "value", 0));
  store.backup(copy);
  CHECK(failure_of([&] { store.backup(copy); }).backend_code == "EEXIST (17)");
  CHECK(failure_of([&] { store.backup(path); }).backend_code == "EEXIST (17)");
  CHECK(failure_of([&] { store.backup(folder.file("none/copy")); }).backend_code == "ENOENT (2)");
  REQUIRE(append(store, avro_event("later")).stored());
  must::avro_store copied(avro_on(copy));
  CHECK(copied.head() == 20);
  CHECK(copied.get("key").value().bytes == "value");
  CHECK(copied.verify().files == 1);
  CHECK(copied.history() != store.history());
  CHECK(copied.history().substr(0, 36) == store.history().substr(0, 36));
  const auto before = copied.history();
  copied.mark_restored();
  CHECK(copied.history() != before);
  CHECK(must::avro_store(avro_on(copy)).history() == copied.history());
  for (const auto& one : std::filesystem::directory_iterator(folder.path)) CHECK(one.path().extension() != ".new");
}

TEST_CASE("avro_store: cells that change often do not fill the disk, and other stores see them", "[storage][avro]") {
  const must_test::temporary_folder folder;
  const auto path = folder.file("events.avro");
  must::avro_store store(avro_on(path)), other(avro_on(path));
  const std::string value(1'000, 'v');
  REQUIRE(store.put("gone", value, 0));
  REQUIRE(store.remove("gone", 1));
  for (std::uint64_t i = 0; i < 300; ++i) {
    REQUIRE((i % 7 == 0 ? other : store).put("key", value + std::to_string(i), i));
    if (i % 50 == 0) CHECK(other.get("key").value().revision == i + 1);
  }
  CHECK(std::filesystem::file_size(path + ".cells") < 80'000);
  CHECK(other.get("key").value().bytes == value + "299");
  CHECK(other.list("") == std::vector<std::string>{"key"});
  CHECK(must::avro_store(avro_on(path)).get("key").value().revision == 300);
}
