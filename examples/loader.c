/*
 * Finds Cordon by its manifest, checks that nobody but root or this user can have put it there and that the library is
 * the one the manifest speaks of, and loads the very file that was checked. plugin_manifest/README.md is the rule.
 *
 *   loader [MANIFEST]
 *
 * MANIFEST is an absolute path; without it $CORDON_MANIFEST, then the places below. Prints what was loaded.
 * Exit: 0 loaded, 1 refused or not found, 2 wrong use. Links libsodium, for the hash.
 */
#define _GNU_SOURCE /* O_PATH, secure_getenv */

#include <cordon.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__aarch64__)
#define TRIPLET "aarch64-linux-gnu"
#else
#define TRIPLET "x86_64-linux-gnu"
#endif

enum { MANIFEST_SIZE = 1024 * 1024, VALUE_SIZE = 512, BLOCK_SIZE = 64 * 1024 };
enum { HASH_SIZE = crypto_hash_sha256_BYTES, HEX_SIZE = 2 * HASH_SIZE + 1, OPENED_PATH_SIZE = 32 };

/* The first of these that exists is the manifest; when it is refused, no later one is asked. */
static const char *const places[] = {
    "/usr/local/lib/" TRIPLET "/cordon/cordon.plugin.json",
    "/usr/local/lib/cordon/cordon.plugin.json",
    "/usr/lib/" TRIPLET "/cordon/cordon.plugin.json",
    "/usr/lib64/cordon/cordon.plugin.json",
    "/usr/lib/cordon/cordon.plugin.json",
};
enum { PLACES = sizeof places / sizeof *places };

/* What the manifest says of the library. */
struct library {
  char path[PATH_MAX];
  char sha256[VALUE_SIZE];
  char entry_point[VALUE_SIZE];
};

/* Prints why nothing is loaded. Always -1, for `return refuse(...)`. */
static int refuse(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("loader: refused: ", stderr);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  return -1;
}

/* ---- Who can have put it there ---- */

/* Not only its owner can write to it. */
static int is_shared(const struct stat *status) {
  return (status->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* A folder like /tmp, where nobody can move or replace what belongs to another. */
static int is_sticky(const struct stat *status) {
  return S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX) != 0;
}

/* Checks one part of a path, the file itself or a folder on the way to it. */
static int check_part(const char *path, const struct stat *status, int is_file) {
  if (S_ISLNK(status->st_mode)) return refuse("%s is a symbolic link; give the path without links", path);
  if (is_file ? !S_ISREG(status->st_mode) : !S_ISDIR(status->st_mode))
    return refuse("%s is not a %s", path, is_file ? "regular file" : "folder");
  if (status->st_uid != 0 && status->st_uid != geteuid())
    return refuse("%s belongs to user %lu; it has to be root's or that of user %lu", path,
                  (unsigned long)status->st_uid, (unsigned long)geteuid());
  if (is_shared(status) && !is_sticky(status))
    return refuse("%s can be written to by %s (mode %04o); take that away: chmod go-w", path,
                  (status->st_mode & S_IWOTH) != 0 ? "everybody" : "its group", (unsigned)(status->st_mode & 07777));
  return 0;
}

/* Where a descriptor can be opened or loaded from again: the same file, whatever its path has become. */
static void path_of(int descriptor, char path[OPENED_PATH_SIZE]) {
  snprintf(path, OPENED_PATH_SIZE, "/proc/self/fd/%d", descriptor);
}

/* Takes `folder` over and gives the descriptor of the part that `name` is in it; -1 when refused. `path` is told. */
static int enter(int folder, const char *name, const char *path, int is_file) {
  struct stat status, above;
  const int next = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC); /* opens a link, never what it leads to */
  int result = -1;
  if (next < 0 || fstat(next, &status) != 0 || fstat(folder, &above) != 0)
    refuse("%s: %s", path, strerror(errno));
  else if (check_part(path, &status, is_file) == 0) {
    if (is_file && is_shared(&above))
      refuse("%s lies in a folder that everybody can write to; put it into a folder of its own", path);
    else
      result = next;
  }
  if (result < 0 && next >= 0) close(next);
  close(folder);
  return result;
}

/*
 * Opens a file for reading, part by part from the root, each through the descriptor of the folder before it: nothing
 * can be exchanged between its check and its use. The caller closes the descriptor; -1 when refused.
 */
static int open_checked(const char *path) {
  char walked[PATH_MAX];
  char opened[OPENED_PATH_SIZE];
  struct stat root;
  char *end;
  int at, result;
  if (path[0] != '/' || strlen(path) >= sizeof walked) return refuse("%s is not an absolute path", path);
  strcpy(walked, path);
  if (lstat("/", &root) != 0 || check_part("/", &root, 0) != 0) return -1;
  at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (end = walked; *end != '\0' && at >= 0;) {
    char *const name = end + 1;
    char behind;
    end = name + strcspn(name, "/");
    behind = *end;
    *end = '\0';
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
      close(at);
      return refuse("%s has a part that is empty, . or ..", path);
    }
    at = enter(at, name, walked, behind == '\0');
    *end = behind;
  }
  if (at < 0) return -1;
  path_of(at, opened);
  result = open(opened, O_RDONLY | O_CLOEXEC);
  if (result < 0) refuse("%s: %s", path, strerror(errno));
  close(at);
  return result;
}

/* ---- What the manifest says ---- */

/* The character behind a string that begins at `text` (its opening quote). */
static const char *behind_string(const char *text) {
  for (++text; *text != '\0' && *text != '"'; ++text)
    if (*text == '\\' && text[1] != '\0') ++text;
  return *text == '"' ? text + 1 : text;
}

static const char *skip_space(const char *text) {
  return text + strspn(text, " \t\r\n");
}

/* The value of a member of the object that begins at `object`; NULL when there is none. */
static const char *find_member(const char *object, const char *key) {
  const size_t length = strlen(key);
  int depth = 0;
  if (object == NULL || *object != '{') return NULL;
  do {
    if (*object == '"') {
      const char *const behind = behind_string(object);
      const char *const colon = skip_space(behind);
      const int is_key = depth == 1 && *colon == ':' && (size_t)(behind - object) == length + 2;
      if (is_key && memcmp(object + 1, key, length) == 0) return skip_space(colon + 1);
      object = behind;
      continue;
    }
    if (*object == '{' || *object == '[') ++depth;
    if (*object == '}' || *object == ']') --depth;
    ++object;
  } while (depth > 0 && *object != '\0');
  return NULL;
}

/* Copies a text without escapes; -1 when the member is missing or no such text. */
static int copy_text(const char *value, char to[VALUE_SIZE]) {
  const size_t length = value == NULL || *value != '"' ? 0 : strcspn(value + 1, "\"\\");
  if (length == 0 || length >= VALUE_SIZE || value[1 + length] != '"') return -1;
  memcpy(to, value + 1, length);
  to[length] = '\0';
  return 0;
}

/*
 * The path of `file`, relative to the folder of `manifest`. A leading .. takes a part off that path, which is right
 * since no part of it is a symbolic link.
 */
static int join(const char *manifest, const char *file, char to[PATH_MAX]) {
  char folder[PATH_MAX];
  strcpy(folder, manifest); /* open_checked has looked at its length */
  *strrchr(folder, '/') = '\0';
  if (file[0] == '/') return -1;
  while (strncmp(file, "../", 3) == 0 && folder[0] != '\0') {
    *strrchr(folder, '/') = '\0';
    file += 3;
  }
  return snprintf(to, PATH_MAX, "%s/%s", folder, file) < PATH_MAX ? 0 : -1;
}

static int read_manifest(const char *path, struct library *library) {
  static char text[MANIFEST_SIZE + 1];
  char file[VALUE_SIZE];
  const char *described, *major;
  size_t length = 0;
  ssize_t count;
  const int descriptor = open_checked(path);
  if (descriptor < 0) return -1;
  do {
    count = read(descriptor, text + length, MANIFEST_SIZE - length);
    if (count > 0) length += (size_t)count;
  } while (count > 0 || (count < 0 && errno == EINTR));
  close(descriptor);
  if (count < 0) return refuse("%s: %s", path, strerror(errno));
  if (length == MANIFEST_SIZE) return refuse("%s is larger than %d bytes", path, MANIFEST_SIZE - 1);
  text[length] = '\0';
  described = find_member(skip_space(text), "library");
  major = find_member(find_member(skip_space(text), "abi"), "major");
  if (major == NULL || strtoul(major, NULL, 10) != CORDON_ABI_VERSION / 1000000)
    return refuse("%s: abi.major is not %d, for which this program is built", path, CORDON_ABI_VERSION / 1000000);
  if (copy_text(find_member(described, "file"), file) != 0 ||
      copy_text(find_member(described, "sha256"), library->sha256) != 0 ||
      copy_text(find_member(described, "entry_point"), library->entry_point) != 0)
    return refuse("%s lacks library.file, library.sha256 or library.entry_point; take the one that was installed",
                  path);
  if (join(path, file, library->path) != 0)
    return refuse("%s: library.file has to be relative to the manifest's folder", path);
  return 0;
}

/* ---- Loading ---- */

static int check_hash(int descriptor, const struct library *library) {
  static unsigned char block[BLOCK_SIZE];
  unsigned char hash[HASH_SIZE];
  char hex[HEX_SIZE];
  crypto_hash_sha256_state state;
  ssize_t count;
  crypto_hash_sha256_init(&state);
  while ((count = read(descriptor, block, sizeof block)) > 0 || (count < 0 && errno == EINTR))
    if (count > 0) crypto_hash_sha256_update(&state, block, (unsigned long long)count);
  if (count < 0) return refuse("%s: %s", library->path, strerror(errno));
  crypto_hash_sha256_final(&state, hash);
  sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
  if (strcmp(hex, library->sha256) != 0)
    return refuse("%s has the SHA-256 %s and the manifest says %s; install both again", library->path, hex,
                  library->sha256);
  return 0;
}

/*
 * The table of the library, NULL when refused. The descriptor stays open: its path is the name under which the dynamic
 * loader knows the library, and another file under the same number would be taken for it.
 */
static const cordon_api_v1 *load(const struct library *library) {
  char opened[OPENED_PATH_SIZE];
  const cordon_api_v1 *(*get_api)(uint32_t) = NULL;
  const cordon_api_v1 *api;
  void *loaded, *symbol;
  const int descriptor = open_checked(library->path);
  if (descriptor < 0) return NULL;
  if (check_hash(descriptor, library) != 0) {
    close(descriptor);
    return NULL;
  }
  path_of(descriptor, opened);
  loaded = dlopen(opened, RTLD_NOW | RTLD_LOCAL);
  if (loaded == NULL) {
    refuse("%s cannot be loaded: %s", library->path, dlerror());
    close(descriptor);
    return NULL;
  }
  symbol = dlsym(loaded, library->entry_point);
  memcpy(&get_api, &symbol, sizeof get_api); /* C99 has no cast from an object to a function pointer */
  api = get_api == NULL ? NULL : get_api(CORDON_ABI_VERSION / 1000000);
  if (api == NULL || api->struct_size < sizeof *api) {
    refuse("%s is older than the header this program is built with", library->path);
    return NULL;
  }
  return api;
}

/* The manifest to take; NULL when there is none, which is told. */
static const char *find_manifest(const char *given) {
  size_t i;
  if (given == NULL) given = secure_getenv("CORDON_MANIFEST"); /* not in a set-user-id program */
  if (given != NULL && *given != '\0') return given;
  for (i = 0; i < PLACES; ++i) {
    struct stat status;
    if (lstat(places[i], &status) == 0 || (errno != ENOENT && errno != ENOTDIR)) return places[i];
  }
  fputs("loader: no manifest: none given, CORDON_MANIFEST is not set, and there is none of\n", stderr);
  for (i = 0; i < PLACES; ++i) fprintf(stderr, "  %s\n", places[i]);
  return NULL;
}

int main(int argc, char **argv) {
  struct library library;
  const cordon_api_v1 *api;
  const char *manifest;
  if (argc > 2) {
    fputs("usage: loader [MANIFEST]\n", stderr);
    return 2;
  }
  manifest = find_manifest(argc == 2 ? argv[1] : NULL);
  if (manifest == NULL || sodium_init() < 0 || read_manifest(manifest, &library) != 0) return 1;
  api = load(&library);
  if (api == NULL) return 1;
  printf("cordon %s, ABI %lu, from %s\n", api->version(), (unsigned long)api->abi_version, library.path);
  return 0;
}
