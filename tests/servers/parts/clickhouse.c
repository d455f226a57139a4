/* SPDX-License-Identifier: MIT
   A ClickHouse server from the engine in libchdb.so: `clickhouse LIBRARY [option of clickhouse-local]...`. It listens
   for as long as its last query reads a pipe that only this process can end, and ends in order on SIGTERM. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *arguments[64];
static int count;
static void *(*engine)(int, char **);
static const char *(*error_of)(void *);

static void *serve(void *unused) {
  void *result = engine(count, arguments);
  const char *error = result != NULL && error_of != NULL ? error_of(result) : NULL;
  if (error != NULL && *error != '\0') {
    fprintf(stderr, "%s\n", error);
    exit(1);
  }
  kill(getpid(), SIGTERM); /* The engine has ended by itself. */
  return unused;
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 60) return 2;
  sigset_t stops; /* Blocked here, so that no thread of the engine gets them. */
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, NULL);

  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  engine = library == NULL ? NULL : (void *(*)(int, char **))dlsym(library, "chdb_query_cmdline");
  if (engine == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  error_of = (const char *(*)(void *))dlsym(library, "chdb_result_error");
  void (*catch_signals)(int) = (void (*)(int))dlsym(library, "chdb_set_signal_handlers_enabled");
  if (catch_signals != NULL) catch_signals(0);

  int ends[2];
  if (pipe(ends) != 0 || dup2(ends[0], 0) < 0) return 1;
  close(ends[0]);
  arguments[count++] = "clickhouse";
  for (int i = 2; i < argc; ++i) arguments[count++] = argv[i];
  arguments[count++] = "--query";
  arguments[count++] =
      "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
      "SELECT line FROM file('-', 'LineAsString', 'line String') FORMAT Null";

  pthread_t thread;
  if (pthread_create(&thread, NULL, serve, NULL) != 0) return 1;
  int signal = 0;
  sigwait(&stops, &signal);
  close(ends[1]); /* The query ends, and the engine with it. */
  alarm(20);
  pthread_join(thread, NULL);
  _exit(0);
}
