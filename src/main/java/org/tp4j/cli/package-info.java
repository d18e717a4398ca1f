/** The command line: options, files, progress, exit codes. Everything it does, a Java program can do too. */
package org.tp4j.cli;
