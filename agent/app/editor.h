// The form in the user's editor.
#pragma once

#include <functional>
#include <string>

#include "agent/app/environment.h"

namespace noroshi::agent {

// Opens `form` in $VISUAL or $EDITOR (else "editor") until `accept` takes it. A
// refusal is put on top as comments and the editor opens again. What was written
// stays in DIR/drafts until DropDraft. Gives the draft's path; kClosed when the
// user gave up (left without saving, the file empty, or a refused text unchanged).
Result<std::string> EditForm(const Environment& environment, const std::string& form,
                             const std::function<Result<void>(const std::string& text)>& accept);

}  // namespace noroshi::agent
