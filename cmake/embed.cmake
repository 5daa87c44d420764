# cmake -DINPUT=FILE -DOUTPUT=FILE -P embed.cmake: a file's bytes as the elements of a C++ array. (#embed of clang 19 is
# not seen by ccache 4.7, which would go on to serve what was compiled from the file's old bytes.)
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "${bytes}\n")
