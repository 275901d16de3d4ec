# Run by cpack before the portable archive is packed: what is linked into it comes with its copyright.
find_program(PYTHON python3 REQUIRED)
execute_process(COMMAND ${PYTHON} ${CPACK_CORDON_SBOM} ${CPACK_CORDON_BINARY_DIR} --copyrights
                        ${CPACK_TEMPORARY_DIRECTORY}/share/doc/cordon/copyrights COMMAND_ERROR_IS_FATAL ANY)
