// SPDX-License-Identifier: MIT
// A private PostgreSQL for tests: below the current folder, or where its user can read it, on a Unix socket, gone with
// the process.
#pragma once

#include <libpq-fe.h>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace must_test {

class postgres_server;

// How a server of a test's own differs from the others.
struct postgres_setup {
  std::vector<std::string> settings{};           // "name=value"
  std::string access = "local all all trust\n";  // pg_hba.conf
  int port = 5432;
  std::function<void(postgres_server&)> prepare{};  // before it starts
  std::size_t small_disk = 0;                       // bytes of the disk at small_disk(), which only it sees
};

// instance() is started once a process; MUST_TEST_POSTGRES names another one. `reason` says why there is none.
class postgres_server {
 public:
  static inline bool durable = false;  // whether it waits for the disk; set before the first use
  static postgres_server& instance() {
    static postgres_server server;
    return server;
  }
  explicit postgres_server(postgres_setup setup) : setup_(std::move(setup)) { try_to_set_up(); }
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;
  ~postgres_server() {
    if (owner_ != ::getpid()) return;  // a fork of the test
    stop(SIGQUIT);
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
    if (!sockets_.empty()) std::filesystem::remove_all(sockets_, ignored);
  }

  [[nodiscard]] bool available() const { return reason_.empty(); }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  // Whether the machine forbids what this server asked for, so that installing PostgreSQL does not help.
  [[nodiscard]] bool is_excused() const { return is_excused_; }
  [[nodiscard]] const std::string& conninfo() const { return conninfo_; }
  // Of a private one: the socket itself.
  [[nodiscard]] std::string socket() const { return (sockets_ / (".s.PGSQL." + std::to_string(setup_.port))).string(); }
  [[nodiscard]] std::string folder() const { return sockets_.string(); }
  // Whether it is ours, to be stopped and started.
  [[nodiscard]] bool is_private() const { return !folder_.empty(); }

  [[nodiscard]] std::string data() const { return (folder_ / "data").string(); }
  // Where its small disk is: for the server, and for who looks from outside.
  [[nodiscard]] std::string small_disk() const { return (folder_ / "small").string(); }
  [[nodiscard]] std::string small_disk_from_outside() const {
    return "/proc/" + std::to_string(server_) + "/root" + small_disk();
  }

  // The path of a program, if there is one.
  static std::string program(const std::string& name) {
    namespace fs = std::filesystem;
    std::vector<fs::path> folders;
    std::istringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
    for (std::string one; std::getline(path, one, ':');) folders.emplace_back(one);
    folders.emplace_back("/usr/sbin");
    std::error_code none;
    for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none))
      folders.push_back(version.path() / "bin");
    for (const auto& folder : folders)
      if (::access((folder / name).c_str(), X_OK) == 0) return (folder / name).string();
    return {};
  }
  // Starts a program as an ordinary user, in the folder of the server; it ends with us, however we end.
  [[nodiscard]] pid_t run(const std::vector<std::string>& words, std::size_t disk = 0) const {
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const auto log = (folder_ / "log").string(), folder = folder_.string(), small = small_disk();
    auto disk_options = "mode=700,size=" + std::to_string(disk);
    if (user_) disk_options += ",uid=" + std::to_string(user_->first) + ",gid=" + std::to_string(user_->second);
    const auto child = ::fork();
    if (child != 0) return child;
    const int to = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (to >= 0) ::dup2(to, 1), ::dup2(to, 2);
    if (disk != 0 &&
        (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
         ::mount("tmpfs", small.c_str(), "tmpfs", 0, disk_options.c_str()) != 0))
      ::_exit(124);
    if (user_) become(*user_);
    if (::chdir(folder.c_str()) != 0) ::_exit(125);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  // Runs one to its end; throws when it does not end well.
  void run_to_the_end(const std::vector<std::string>& words) const {
    int status = 0;
    const auto child = run(words);
    if (::waitpid(child, &status, 0) != child || status != 0) throw std::runtime_error(words[0] + " failed: " + log());
  }

  // Stops it as a crash would, and starts it again.
  void crash() {
    stop(SIGQUIT);
    start();
  }
  // Kills it, with every process that it has made, and starts it again.
  void kill() {
    ::kill(server_, SIGSTOP);  // It makes no more of them.
    const auto id = std::to_string(server_);
    std::ifstream children("/proc/" + id + "/task/" + id + "/children");
    for (pid_t one = 0; children >> one;) ::kill(one, SIGKILL);
    stop(SIGKILL);
    start();
  }

 private:
  postgres_server() {
    if (const char* given = std::getenv("MUST_TEST_POSTGRES"); given != nullptr && *given != '\0') {
      conninfo_ = given;
      return;
    }
    setup_.access = "local all must_guarded scram-sha-256\nlocal all all trust\n";
    try_to_set_up();
  }
  void try_to_set_up() {
    try {
      set_up();
    } catch (const std::exception& why) {
      reason_ = std::string("no PostgreSQL: ") + why.what();
    }
  }
  void set_up() {
    namespace fs = std::filesystem;
    const auto initdb = program("initdb");
    if (initdb.empty()) throw std::runtime_error("initdb is neither in PATH nor in /usr/lib/postgresql/*/bin");
    if (::geteuid() == 0)
      for (const char* name : {"postgres", "nobody"})
        if (const auto* user = ::getpwnam(name); user != nullptr && !user_)
          user_ = std::pair(user->pw_uid, user->pw_gid);
    static int servers = 0;
    const auto place = readable({fs::current_path(), fs::temp_directory_path(), "/var/tmp"});
    std::error_code ignored;
    for (const auto& other : fs::directory_iterator(place, ignored)) {  // of runs that were killed
      const auto name = other.path().filename().string();
      if (name.starts_with("must_postgres_") && ::kill(std::atoi(name.c_str() + 14), 0) != 0)
        fs::remove_all(other.path(), ignored);
    }
    folder_ = place / ("must_postgres_" + std::to_string(::getpid()) + "_" + std::to_string(++servers));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    sockets_ = folder_ / "socket";
    if (sockets_.string().size() > 80) {
      std::string made = (readable({fs::temp_directory_path(), "/var/tmp"}) / "must_XXXXXX").string();
      if (::mkdtemp(made.data()) == nullptr) throw std::runtime_error("no folder for the socket can be made");
      sockets_ = made;
    }
    fs::create_directories(sockets_);
    for (const auto& each : {folder_, sockets_})
      if (user_ && ::chown(each.c_str(), user_->first, user_->second) != 0) throw std::runtime_error("chown failed");
    run_to_the_end({initdb, "-D", data(), "-A", "trust", "-U", "must", "-E", "UTF8", "--no-locale", "-N"});
    std::ofstream(folder_ / "data" / "pg_hba.conf") << setup_.access;
    conninfo_ = "host=" + sockets_.string() + " port=" + std::to_string(setup_.port) + " user=must dbname=postgres";
    if (setup_.prepare) setup_.prepare(*this);
    if (setup_.small_disk != 0) fs::create_directory(small_disk());
    start();
  }
  // The first that the server's user can come to: a clone in the home folder of root is a place where it cannot.
  [[nodiscard]] std::filesystem::path readable(const std::vector<std::filesystem::path>& places) const {
    for (const auto& place : places) {
      const auto child = ::fork();
      if (child == 0) {
        if (user_) become(*user_);
        ::_exit(::access(place.c_str(), X_OK) == 0 ? 0 : 1);
      }
      int status = 1;
      if (::waitpid(child, &status, 0) == child && status == 0) return place;
    }
    throw std::runtime_error("its user can enter none of the folders where it could be");
  }
  // In a child process alone, which ends if it cannot.
  static void become(const std::pair<uid_t, gid_t>& user) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(user.second) != 0 || ::setuid(user.first) != 0) ::_exit(126);
  }
  void start() {
    std::vector<std::string> words{program("postgres"), "-D", data()};
    for (const auto& setting : {std::string("listen_addresses="), "port=" + std::to_string(setup_.port),
                                "unix_socket_directories=" + sockets_.string(), std::string("max_connections=150"),
                                std::string("shared_buffers=128MB")})
      words.insert(words.end(), {"-c", setting});
    for (const auto& setting : setup_.settings) words.insert(words.end(), {"-c", setting});
    if (!durable)
      for (const char* setting : {"fsync=off", "synchronous_commit=off", "full_page_writes=off"})
        words.insert(words.end(), {"-c", setting});
    server_ = run(words, setup_.small_disk);
    for (int i = 0; i < 2400; ++i) {  // a crash may leave much to be recovered
      if (PQping(conninfo_.c_str()) == PQPING_OK) return;
      int status = 0;
      if (::waitpid(server_, &status, WNOHANG) == server_) {
        server_ = 0;
        is_excused_ = WEXITSTATUS(status) == 124;
        if (is_excused_) throw std::runtime_error("a small disk cannot be mounted here");
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    throw std::runtime_error("the server does not start: " + log());
  }
  void stop(int signal) {
    if (server_ <= 0) return;
    ::kill(server_, signal);
    int status = 0;
    ::waitpid(server_, &status, 0);
    server_ = 0;
  }
  [[nodiscard]] std::string log() const {
    std::ostringstream text;
    text << std::ifstream(folder_ / "log").rdbuf();
    const auto all = text.str();
    return all.substr(all.size() > 500 ? all.size() - 500 : 0);
  }

  postgres_setup setup_{};
  pid_t owner_ = ::getpid(), server_ = 0;
  std::optional<std::pair<uid_t, gid_t>> user_{};
  std::filesystem::path folder_{}, sockets_{};
  std::string conninfo_{}, reason_{};
  bool is_excused_ = false;
};

// A connection of the test's own, for what a store does not do.
class postgres_session {
 public:
  explicit postgres_session(const std::string& conninfo = postgres_server::instance().conninfo())
      : connection_(PQconnectdb(conninfo.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) {
      const std::string why = PQerrorMessage(connection_);
      PQfinish(connection_);
      throw std::runtime_error(why);
    }
    PQsetNoticeProcessor(connection_, [](void*, const char*) {}, nullptr);
  }
  postgres_session(const postgres_session&) = delete;
  postgres_session& operator=(const postgres_session&) = delete;
  ~postgres_session() { PQfinish(connection_); }

  // All rows of the first column, each with a newline; throws what the server says.
  std::string ask(const std::string& sql) { return ask(connection_, sql); }
  static std::string ask(PGconn* connection, const std::string& sql) {
    auto* const result = PQexec(connection, sql.c_str());
    const auto status = PQresultStatus(result);
    std::string text;
    for (int row = 0; row < PQntuples(result); ++row) (text += PQgetvalue(result, row, 0)) += '\n';
    if (!text.empty()) text.pop_back();
    PQclear(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw std::runtime_error(PQerrorMessage(connection));
    return text;
  }

 private:
  PGconn* connection_;
};

}  // namespace must_test
