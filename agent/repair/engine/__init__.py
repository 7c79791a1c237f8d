"""The search that runs inside the sandbox, under the target project's own interpreter.

It is shipped as a zip file and imports nothing but the standard library, itself, and the project's own pytest. It must keep
working on Python 3.9. Everything it prints is a claim: whoever started it checks the edits again.

The method is that of search-based program repair (GenProg, Weimer et al. 2009; donors from the same file: PAR, Kim et al. 2013;
spectrum-based localisation with Ochiai, Abreu et al. 2007), made quick: a candidate is compiled alone, swapped into the live
function objects of a warmed process, and evaluated in a forked child together with many others.
"""
