// SPDX-License-Identifier: MIT
// postgres_store: servers that are encrypted, read-only, or out of disk.
#include "must/storage/postgres.hpp"

#include "stores/postgres.hpp"
#include "support/catch.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using fixture = must_test::postgres_fixture;
using must::testing::suite::append;
using must::testing::suite::event;
using must::testing::suite::positions;
using must_test::error_of;
using must_test::has_postgres;
using must_test::options_for;
using must_test::postgres_server;
using must_test::postgres_session;
using must_test::scratch_schema;

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(socket);
  if (!bound) throw std::runtime_error("no port is free");
  return ntohs(address.sin_port);
}

}  // namespace

TEST_CASE("postgres_store: TLS and passwords are libpq's own, and no secret is told", "[storage][postgres]") {
  const auto openssl = postgres_server::program("openssl");
  if (openssl.empty()) {
    must_test::skip("there is no openssl to make a certificate with", "openssl");
    return;
  }
  const auto port = free_port();
  const auto certify = [&](const postgres_server& server, const std::string& name) {
    server.run_to_the_end({openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                           "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                           server.data() + "/" + name + ".key", "-out", server.data() + "/" + name + ".crt"});
  };
  postgres_server server({.settings = {"ssl=on", "listen_addresses=127.0.0.1"},
                          .access = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
                          .port = port,
                          .prepare = [&](const postgres_server& made) {
                            certify(made, "server");
                            certify(made, "another");
                          }});
  if (!has_postgres(server)) return;
  postgres_session(server.conninfo()).ask("CREATE ROLE ann LOGIN SUPERUSER PASSWORD 'hunter2'");
  const auto root = " sslrootcert=" + server.data() + "/server.crt",
             wrong_root = " sslrootcert=" + server.data() + "/another.crt";
  const auto open = [&](const std::string& more) {
    return must::postgres_store(
        {.conninfo = "hostaddr=127.0.0.1 port=" + std::to_string(port) + " dbname=postgres user=ann " + more,
         .timeout = must::duration(20'000'000)});
  };
  for (const auto& good :
       {std::string("host=localhost sslmode=require"), "host=localhost sslmode=verify-full" + root}) {
    auto store = open("password=hunter2 " + good);
    std::string encrypted;
    auto one = event<fixture>("a", "s");
    const auto before = store.head();
    CHECK(store
              .append_with(std::span(&one, 1), {},
                           [&](must::postgres_store::transaction& in) {
                             encrypted = postgres_session::ask(
                                 in.handle, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
                           })
              .value()
              .first == before + 1);
    CHECK(encrypted == "t");
    CHECK(store.find(one.source, one.id));
  }
  struct refusal {
    std::string conninfo, code;
  };
  for (const auto& one : {refusal{"password=hunter2 host=localhost sslmode=disable", "28000"},
                          refusal{"password=hunter2 host=localhost sslmode=verify-full" + wrong_root, "08001"},
                          refusal{"password=hunter2 host=another.host sslmode=verify-full" + root, "08001"},
                          refusal{"password=hunter2wrong host=localhost sslmode=verify-full" + root, "28P01"},
                          refusal{"host=localhost sslmode=require passfile=" + server.data() + "/none", "28P01"}}) {
    INFO(one.conninfo);
    const auto why = error_of([&] {
      must::postgres_store(
          {.conninfo = "hostaddr=127.0.0.1 port=" + std::to_string(port) + " dbname=postgres user=ann " + one.conninfo,
           .timeout = must::duration(300'000)});
    });
    CHECK(why.code == must::error_code::storage_error);
    CHECK(why.operation == "open");
    CHECK(why.backend_code == one.code);
    CHECK(why.message.find("hunter2") == std::string::npos);
    CHECK((why.message.find("certificate") != std::string::npos) == (one.code == "08001"));
    CHECK_FALSE(why.retryable);
  }
}

TEST_CASE("postgres_store: a read-only database is read, and says so to who writes", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  must::postgres_store writes(options_for(schema.name));
  append<fixture>(writes, event<fixture>("a", "s", {"t"})).value();
  CHECK(writes.put("k", "v", 0));
  auto options = options_for(schema.name);
  options.conninfo += " options='-c default_transaction_read_only=on'";
  for (const bool pooled : {false, true}) {
    options.pooled = pooled;
    must::postgres_store store(options);
    auto one = event<fixture>("a", "s"), two = event<fixture>("b", "s");
    auto why = error_of([&] { static_cast<void>(store.append(std::span(&one, 1), {})); });
    CHECK(why.code == must::error_code::storage_error);
    CHECK(why.operation == "append");
    CHECK(why.backend_code == "25006");
    CHECK_FALSE(why.retryable);
    std::vector items{must::batch_item<must::payload>{std::span(&one, 1), {}},
                      must::batch_item<must::payload>{std::span(&two, 1), {}}};
    for (const auto& each : store.append_batch(std::span(items))) CHECK(each.error().backend_code == "25006");
    why = error_of([&] { store.put("k", "w", 1); });
    CHECK(why.backend_code == "25006");
    CHECK(positions<fixture>(store, must::query::of_tags({"t"})) == std::vector<must::position>{1});
    CHECK(store.get("k") == must::cell{"v", 1});
    CHECK(store.head() == 1);
  }
}

TEST_CASE("postgres_store: a standby is read, refuses what is written, and those who wait there poll",
          "[storage][postgres]") {
  postgres_server primary({.access = "local all,replication all trust\n"});
  if (!has_postgres(primary)) return;
  must::postgres_store writes({.conninfo = primary.conninfo()});
  append<fixture>(writes, event<fixture>("a", "s", {"t"})).value();
  postgres_server standby({.prepare = [&](const postgres_server& made) {
    std::filesystem::remove_all(made.data());
    made.run_to_the_end(
        {postgres_server::program("pg_basebackup"), "-D", made.data(), "-R", "-c", "fast", "-d", primary.conninfo()});
  }});
  REQUIRE(standby.available());
  must::postgres_store reads({.conninfo = standby.conninfo(), .poll_interval = must::duration(5'000)});
  CHECK(positions<fixture>(reads, must::query::of_tags({"t"})) == std::vector<must::position>{1});
  const auto why = error_of([&] { static_cast<void>(append<fixture>(reads, event<fixture>("a"))); });
  CHECK(why.backend_code == "25006");
  CHECK_FALSE(why.retryable);
  for (must::position next = 2; next <= 4; ++next) {
    std::jthread writer([&] { append<fixture>(writes, event<fixture>("a", "s")).value(); });
    CHECK(reads.wait_for(next, must::duration(60'000'000)));
    CHECK(reads.version("s").value == next);
  }
  CHECK_FALSE(reads.is_notified());
}

TEST_CASE("postgres_store: a full disk is an error, loses nothing, and passes", "[storage][postgres]") {
  postgres_server server({.small_disk = std::size_t{64} << 20U});
  if (!has_postgres(server)) return;
  postgres_session(server.conninfo()).ask("CREATE TABLESPACE small LOCATION '" + server.small_disk() + "'");
  must::postgres_store store({.conninfo = server.conninfo() + " options='-c default_tablespace=small'"});
  const auto large = [] {
    auto one = event<fixture>("a", "s", {"t"});
    std::string bytes(500'000, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(must::detail::random_source::of_this_thread()());
    one.data = must::payload("application/octet-stream", bytes);
    return one;
  };
  append<fixture>(store, large()).value();
  CHECK(store.put("k", "v", 0));
  const auto ballast = server.small_disk_from_outside() + "/ballast";
  {
    std::ofstream fills(ballast, std::ios::binary);
    const std::string block(std::size_t{1} << 20U, 'x');
    while (fills.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {}
  }
  must::position stored = 1;
  std::vector<must::cloud_event> refused;
  for (int i = 0; i < 50 && refused.size() < 5; ++i) {
    auto one = large(), two = large();
    std::vector pair{one, two};
    try {
      stored = store.append(std::span(pair), {}).value().last;
    } catch (const must::storage_error& why) {
      CHECK(why.error().backend_code == "53100");
      CHECK(why.error().operation == "append");
      CHECK(why.error().retryable);
      CHECK(why.error().message.find("No space left on device") != std::string::npos);
      refused.push_back(one);
    }
  }
  CHECK(refused.size() == 5);
  CHECK(store.head() == stored);
  CHECK(store.version("s").value == stored);
  CHECK(positions<fixture>(store, must::query::of_tags({"t"})).size() == stored);
  for (const auto& one : refused) CHECK_FALSE(store.find(one.source, one.id));
  CHECK(store.get("k") == must::cell{"v", 1});

  CHECK(std::filesystem::remove(ballast));
  for (const auto& one : refused) {
    ++stored;
    CHECK(append<fixture>(store, one).value() == must::appended{stored, stored});
  }
  CHECK(store.version("s").value == stored);
}
