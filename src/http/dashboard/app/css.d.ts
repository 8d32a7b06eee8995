// Style sheets can be imported: the bundler collects them.

declare module '*.css'
