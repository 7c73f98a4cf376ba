#include "agent/app/editor.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include "agent/app/form.h"

namespace noroshi::agent {
namespace {

const char* EditorCommand() {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment.
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return "editor";
}

// $EDITOR may hold arguments ("code --wait"): as everywhere, the shell splits it.
// The path is an argument of the shell, never part of its script.
Result<void> RunEditor(const std::string& path) {
  const std::string script = std::string(EditorCommand()) + " \"$1\"";
  std::string arguments[] = {"sh", "-c", script, "editor", path};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                  arguments[3].data(), arguments[4].data(), nullptr};
  pid_t pid = -1;
  if (const int error = posix_spawnp(&pid, "sh", nullptr, nullptr, argv, environ); error != 0) {
    errno = error;
    return ErrnoError("start the editor");
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{ErrorCode::kClosed, "エディタが失敗しました / the editor failed"};
}

bool IsBlank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

// Puts the file's time a second into the past and tells how it is then: whatever is
// written next shows, even within the same tick of the file system's clock.
Result<struct stat> SetBack(const std::string& path) {
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0) return ErrnoError("stat " + path);
  --state.st_mtim.tv_sec;
  const timespec times[] = {{0, UTIME_OMIT}, state.st_mtim};
  if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0)
    return ErrnoError("set the time of " + path);
  return state;
}

// Written in place, or replaced by a new file.
bool IsWritten(const std::string& path, const struct stat& before) {
  struct stat now {};
  return ::stat(path.c_str(), &now) != 0 || now.st_ino != before.st_ino ||
         now.st_mtim.tv_sec != before.st_mtim.tv_sec ||
         now.st_mtim.tv_nsec != before.st_mtim.tv_nsec;
}

}  // namespace

Result<std::string> EditForm(const Environment& environment, const std::string& form,
                             const std::function<Result<void>(const std::string& text)>& accept) {
  NOROSHI_RETURN_IF_ERROR(environment.files.MakeFolder(environment.path("drafts"), 0700));
  const std::string path = environment.path("drafts/") +
                           environment.random.UuidV7(environment.clock.NowMs()).ToString() +
                           ".yaml";
  std::string text = form;
  bool refused = false;
  while (true) {
    NOROSHI_RETURN_IF_ERROR(environment.files.WriteDurably(path, text, 0600));
    NOROSHI_ASSIGN_OR_RETURN(const struct stat before, SetBack(path));
    if (auto edited = RunEditor(path); !edited.ok())
      return edited.error().Prefixed("下書き / draft " + path);
    NOROSHI_ASSIGN_OR_RETURN(const std::string written,
                             environment.files.Read(path, kFormBytesMax + 4096));
    if (!IsWritten(path, before) || IsBlank(written) || (refused && written == text))
      return Error{ErrorCode::kClosed,
                   "取りやめました。下書きは残っています / given up; the draft "
                   "is kept: " +
                       path};
    const auto accepted = accept(written);
    if (accepted.ok()) return path;
    if (accepted.error().code != ErrorCode::kInvalid)
      return accepted.error().Prefixed("下書き / draft " + path);
    text = WithMessage(written, accepted.error().message);
    refused = true;
  }
}

}  // namespace noroshi::agent
