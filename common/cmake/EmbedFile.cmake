# cmake -DINPUT=a -DOUTPUT=a.cc -DSYMBOL=kA -DNAMESPACE=noroshi::x -P EmbedFile.cmake
# Writes a C++ source that holds the file as a string and its SHA-256 beside it.
file(READ ${INPUT} content)
file(SHA256 ${INPUT} digest)
get_filename_component(name ${INPUT} NAME)
file(WRITE ${OUTPUT} "// Generated from ${name}.
#include <string_view>

namespace ${NAMESPACE} {
extern const std::string_view ${SYMBOL};
extern const std::string_view ${SYMBOL}Sha256;
const std::string_view ${SYMBOL} = R\"NOROSHI(${content})NOROSHI\";
const std::string_view ${SYMBOL}Sha256 = \"${digest}\";
}  // namespace ${NAMESPACE}
")
