# compress.cmake -- CPack runs this on the package's files: Debian wants manual pages and the changelog
# compressed, the same at every build.
set(share ${CPACK_TEMPORARY_DIRECTORY}${CPACK_PACKAGING_INSTALL_PREFIX}/share)
file(GLOB_RECURSE texts ${share}/man/* ${share}/doc/joulecast/changelog)
execute_process(COMMAND gzip -9 -n ${texts} COMMAND_ERROR_IS_FATAL ANY)
